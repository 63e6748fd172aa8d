namespace Prisma.Circuits;

/// <summary>Largest flow between two nodes of a network (Dinic 1970); the network can be asked again and again.</summary>
internal sealed class MaximumFlow(int nodes)
{
    private const double Nothing = 1e-12;
    private readonly List<int>[] _edgesOf = [.. Enumerable.Range(0, nodes).Select(_ => new List<int>())];
    private readonly List<(int To, double Capacity)> _edges = [];
    private double[] _left = [];
    private int[] _level = [], _next = [];

    /// <summary>Adds an edge; its reverse starts empty.</summary>
    internal void Add(int from, int to, double capacity)
    {
        _edgesOf[from].Add(_edges.Count);
        _edges.Add((to, capacity));
        _edgesOf[to].Add(_edges.Count);
        _edges.Add((from, 0));
    }

    internal double Between(int source, int sink)
    {
        _left = [.. _edges.Select(edge => edge.Capacity)];
        var flow = 0.0;
        while (Levels(source, sink))
        {
            _next = new int[nodes];
            while (Push(source, sink, double.PositiveInfinity) is > Nothing and var more) flow += more;
        }
        return flow;
    }

    private bool Levels(int source, int sink)
    {
        _level = new int[nodes];
        Array.Fill(_level, -1);
        _level[source] = 0;
        var queue = new Queue<int>([source]);
        while (queue.TryDequeue(out var node))
            foreach (var edge in _edgesOf[node])
                if (_left[edge] > Nothing && _level[_edges[edge].To] < 0)
                {
                    _level[_edges[edge].To] = _level[node] + 1;
                    queue.Enqueue(_edges[edge].To);
                }
        return _level[sink] >= 0;
    }

    private double Push(int node, int sink, double most)
    {
        if (node == sink) return most;
        for (; _next[node] < _edgesOf[node].Count; _next[node]++)
        {
            var edge = _edgesOf[node][_next[node]];
            var to = _edges[edge].To;
            if (_left[edge] <= Nothing || _level[to] != _level[node] + 1) continue;
            var pushed = Push(to, sink, Math.Min(most, _left[edge]));
            if (pushed <= Nothing) continue;
            _left[edge] -= pushed;
            _left[edge ^ 1] += pushed;
            return pushed;
        }
        return 0;
    }
}
