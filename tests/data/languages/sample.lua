local json = require("json")

local Order = {}

-- Makes one.
function Order.new(id)
  return setmetatable({ id = id }, Order)
end

function Order:pay(amount)
  return true
end

local function helper(x)
  return x
end

local double = function(x) return x * 2 end

Order.total = function(self) return 1 end

local api = {
  get = function() return 1 end,
}

return Order
