#ifndef LIST_H
#define LIST_H
#include <stdio.h>

#define LIMIT 10
#define SQUARE(x) ((x) * (x))

typedef unsigned long word_t;

/* A node. */
struct node {
    int value;
    struct node *next;
};

typedef struct {
    int x;
} point_t;

typedef struct pair {
    int a;
} pair;

enum color { RED, GREEN };

static const int table[] = { 1, 2 };

/*
 * Makes a node.
 */
static struct node *
make_node(int value)
{
    return NULL;
}

char **split(const char *text) { return NULL; }

int main(int argc, char **argv) {
    return 0;
}
#endif
