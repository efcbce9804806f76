import 'dart:io';

/// Keeps orders.
@immutable
class Order extends Base {
  Order(this.id);

  final int id;

  // Pays.
  @override
  bool pay(int amount) {
    return true;
  }

  int get total => 1;
}

mixin Payable {
  void settle() {}
}

enum State { open, closed }

void main() {
  print('x');
}
