package shop

/** Keeps orders. */
case class Order(id: Int) extends Base {
  def pay(amount: Int): Boolean = {
    true
  }
}

object Order {
  val Limit = 3
  def empty: Order = Order(0)
}

trait Payable {
  def total: Int
}

type Handler = Int => Unit

// Helps.
def helper(x: Int): Int = x
