package shop

import kotlin.math.max

const val LIMIT = 3

/** Keeps orders. */
@Serializable
data class Order(val id: Int) : Base() {
    // Pays.
    @Throws(IOException::class)
    suspend fun pay(amount: Int): Boolean {
        return true
    }

    companion object {
        fun empty() = Order(0)
    }
}

object Registry {
    fun register(order: Order) {}
}

interface Payable {
    fun total(): Int
}

typealias Handler = (Int) -> Unit

fun String.shout(): String = uppercase()
