using System;

namespace Shop.Orders
{
    /// <summary>Keeps orders.</summary>
    [Serializable]
    [Table("orders")]
    public class OrderService : Base, IDisposable
    {
        private const int Limit = 3;
        private int count;

        public int Count { get; set; }

        public OrderService(int count)
        {
            this.count = count;
        }

        // Finds one.
        [HttpGet]
        public async Task<Order> Find<T>(string id)
        {
            int Local(int x) => x;
            return null;
        }

        public delegate void Changed(int n);
    }

    public interface IRepository { void Save(); }
    public struct Money { public decimal Amount; }
    public enum State { Open, Closed }
    public record Point(int X, int Y);
}
