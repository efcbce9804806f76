# frozen_string_literal: true

require 'json'

module Shop
  LIMIT = 3

  # Keeps orders.
  # And forgets them.
  class Order < Base
    attr_reader :id

    def initialize(id)
      @id = id
    end

    def self.find(id)
      new(id)
    end

    def paid?
      true
    end

    class << self
      def all
        []
      end
    end
  end
end

class Shop::Cart
  def total = 0
end

def helper(x)
  x
end
