package com.example;

import java.util.List;

/**
 * Keeps orders.
 */
@Service
@Scope("singleton")
public class OrderService extends Base implements Closeable {
    public static final int LIMIT = 3;
    private int count;

    public OrderService(int count) {
        this.count = count;
    }

    // Finds one.
    @Override
    public <T> List<T> find(
            String id,
            int page) {
        Runnable r = () -> {};
        return null;
    }

    enum State { OPEN, CLOSED }

    interface Listener {
        void changed(State state);
    }

    static class Builder {
        OrderService build() { return null; }
    }
}

record Point(int x, int y) {
    Point {
        assert x > 0;
    }
}

@interface Marker {}
