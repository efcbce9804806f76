const std = @import("std");

const limit = 3;

/// Keeps orders.
const Order = struct {
    id: u32,

    // Pays.
    pub fn pay(self: Order, amount: u32) bool {
        return true;
    }
};

pub fn main() void {
    const order = Order{ .id = 1 };
    _ = order;
}

test "an order is paid" {
    try std.testing.expect(true);
}
