import Foundation

let limit = 3

/// Keeps orders.
@objc
public class Order: Base {
    var id: Int

    init(id: Int) {
        self.id = id
    }

    // Pays.
    func pay(_ amount: Int) -> Bool {
        return true
    }
}

struct Point {
    func norm() -> Double { 0 }
}

protocol Payable {
    func total() -> Int
}

extension Order: Payable {
    func total() -> Int { 1 }
}

typealias Handler = (Int) -> Void

func helper() {}
