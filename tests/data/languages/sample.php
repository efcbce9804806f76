<?php

namespace App\Models;

use App\Base;

const LIMIT = 3;

/**
 * Keeps orders.
 */
#[Entity]
class Order extends Base implements Countable
{
    use Dates;

    public const OPEN = 1;
    private int $id;

    public function __construct(int $id)
    {
        $this->id = $id;
    }

    // How many.
    public static function count(): int
    {
        return 0;
    }
}

interface Payable
{
    public function pay(int $amount): bool;
}

trait Dates
{
    function today() {}
}

enum Suit: string
{
    case Hearts = 'H';
}

function helper($x)
{
    return $x;
}
