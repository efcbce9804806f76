defmodule Shop.Order do
  @moduledoc "Keeps orders."

  defstruct [:id]

  @doc """
  Pays.
  """
  @spec pay(t, integer) :: boolean
  def pay(order, amount) when amount > 0 do
    true
  end

  def pay(_order, _amount), do: false

  defp helper(x), do: x

  defmacro unless(condition) do
    condition
  end

  defmodule Item do
    def price(_), do: 1
  end
end

defimpl String.Chars, for: Shop.Order do
  def to_string(order), do: order.id
end
