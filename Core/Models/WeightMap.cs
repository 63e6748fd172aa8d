using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A family's declarative list of which checkpoint tensor fills which weight. Loading sets every weight exactly once and accounts for
/// every checkpoint tensor; whatever is missing or left over is reported at once, with the file's name.
/// </summary>
public sealed class WeightMap
{
    private readonly List<Rule> _rules = [];
    private readonly List<string> _ignored = [];
    private readonly string _to, _from;

    /// <summary>An empty map.</summary>
    public WeightMap() : this("", "") { }

    private WeightMap(string to, string from) => (_to, _from) = (to, from);

    /// <summary>One tensor fills one weight; where <paramref name="via"/> is given, after it changed the tensor.</summary>
    public WeightMap Copy(string to, string from, Func<Tensor, Tensor>? via = null)
    {
        _rules.Add(new Rule(_to + to, [_from + from], via));
        return this;
    }

    /// <summary><c>to.weight</c> and <c>to.bias</c> from <c>from.weight</c> and <c>from.bias</c>.</summary>
    public WeightMap Pair(string to, string from) => Copy(to + ".weight", from + ".weight").Copy(to + ".bias", from + ".bias");

    /// <summary>Several tensors, one under another along the first axis, fill one weight: separate q, k and v of one fused matrix.</summary>
    public WeightMap Stack(string to, params string[] from)
    {
        _rules.Add(new Rule(_to + to, [.. from.Select(name => _from + name)], null));
        return this;
    }

    /// <summary>The same, where each tensor is changed before.</summary>
    public WeightMap StackVia(string to, Func<Tensor, Tensor> via, params string[] from)
    {
        _rules.Add(new Rule(_to + to, [.. from.Select(name => _from + name)], via));
        return this;
    }

    /// <summary>One number everywhere in a weight that the checkpoint lacks.</summary>
    public WeightMap Constant(string to, double value, string because)
    {
        ArgumentException.ThrowIfNullOrEmpty(because);
        _rules.Add(new Rule(_to + to, [], null, value));
        return this;
    }

    /// <summary>Tensors that are knowingly not used; <c>*</c> stands for anything.</summary>
    public WeightMap Ignore(string fromPattern, string because)
    {
        ArgumentException.ThrowIfNullOrEmpty(because);
        _ignored.Add(_from + fromPattern);
        return this;
    }

    /// <summary>Rules under a prefix on each side.</summary>
    public WeightMap Under(string to, string from, Action<WeightMap> rules)
    {
        var inner = new WeightMap(_to + to, _from + from);
        rules(inner);
        _rules.AddRange(inner._rules);
        _ignored.AddRange(inner._ignored);
        return this;
    }

    /// <summary>The same rules for every block; <c>{i}</c> in the prefixes is the block's number.</summary>
    public WeightMap PerBlock(int blocks, string to, string from, Action<WeightMap> rules)
    {
        for (var i = 0; i < blocks; i++)
            Under(to.Replace("{i}", $"{i}", StringComparison.Ordinal), from.Replace("{i}", $"{i}", StringComparison.Ordinal), rules);
        return this;
    }

    /// <summary>Fills a model from a checkpoint.</summary>
    /// <exception cref="CheckpointException">Weights that received nothing, tensors without a use, shapes that differ: all at once.</exception>
    public void Load(Module model, TensorSource source, ScalarType dtype = ScalarType.Float32)
    {
        var weights = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Weight, StringComparer.Ordinal);
        var rules = new Dictionary<string, Rule>(StringComparer.Ordinal);
        foreach (var rule in _rules)
        {
            if (!weights.ContainsKey(rule.To)) throw new InvalidOperationException($"The weight map fills '{rule.To}', which the model lacks.");
            if (!rules.TryAdd(rule.To, rule)) throw new InvalidOperationException($"The weight map fills '{rule.To}' twice.");
        }
        Report(weights, rules, source);
        using var gradless = no_grad();
        foreach (var (name, weight) in weights) Fill(weight, rules[name], source, dtype);
    }

    private void Report(Dictionary<string, Weight> weights, Dictionary<string, Rule> rules, TensorSource source)
    {
        var faults = new List<string>();
        var unmapped = weights.Keys.Where(name => !rules.ContainsKey(name)).ToList();
        if (unmapped.Count > 0) throw new InvalidOperationException($"The weight map fills nothing into {string.Join(", ", unmapped)}.");
        var missing = rules.Values.SelectMany(rule => rule.From).Where(name => !source.Contains(name)).Order().ToList();
        if (missing.Count > 0) faults.Add($"{missing.Count} tensors are missing ({Some(missing)})");
        var used = rules.Values.SelectMany(rule => rule.From).ToHashSet(StringComparer.Ordinal);
        var unused = source.Names.Where(name => !used.Contains(name) && !_ignored.Any(pattern => Glob.Matches(pattern, name))).Order().ToList();
        if (unused.Count > 0) faults.Add($"{unused.Count} tensors have no use in this architecture ({Some(unused)})");
        foreach (var (name, rule) in rules)
            if (rule.Via is null && rule.Constant is null && rule.From.All(source.Contains) && Misfit(weights[name], [.. rule.From.Select(source.Get)]) is { } misfit)
                faults.Add(misfit);
        if (faults.Count > 0) throw new CheckpointException($"{source.Path}: {string.Join("; ", faults)}.");
    }

    private static string? Misfit(Weight weight, StoredTensor[] tensors)
    {
        var rest = weight.Shape.Skip(1).Aggregate(1L, (product, size) => product * size);
        var fits = tensors.Sum(tensor => tensor.Count) == weight.Count
            && (tensors.Length == 1 ? Squeezed(tensors[0].Shape).SequenceEqual(Squeezed(weight.Shape)) : tensors.All(tensor => tensor.Count % rest == 0));
        return fits ? null : $"{string.Join(" + ", tensors.Select(tensor => $"'{tensor.Name}' [{string.Join(", ", tensor.Shape)}]"))} does not fill [{string.Join(", ", weight.Shape)}]";
    }

    // A class token may be stored as [1, 1, d] or [d].
    private static IEnumerable<long> Squeezed(IReadOnlyList<long> shape) => shape.Where(size => size != 1);

    private static void Fill(Weight weight, Rule rule, TensorSource source, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        if (rule.Constant is { } number)
        {
            weight.Set(full([.. weight.Shape], number, dtype));
            return;
        }
        if (rule.Via is { } via)
        {
            var parts = rule.From.Select(name => via(source.Get(name).ToTensor())).ToArray();
            var changed = parts.Length == 1 ? parts[0] : cat(parts);
            if (!changed.shape.AsSpan().SequenceEqual(weight.Shape.ToArray()))
                throw new CheckpointException($"{source.Path}: '{rule.From[0]}' [{string.Join(", ", changed.shape)}] does not fill [{string.Join(", ", weight.Shape)}].");
            weight.Set(changed.to(dtype).contiguous());
            return;
        }
        var target = empty([.. weight.Shape], dtype);
        var flat = target.view(-1);
        long start = 0;
        foreach (var name in rule.From)
        {
            var stored = source.Get(name);
            if (stored.Count > 0) stored.ReadInto(flat.narrow(0, start, stored.Count));
            start += stored.Count;
        }
        weight.Set(target);
    }

    private static string Some(List<string> names) => string.Join(", ", names.Take(6)) + (names.Count > 6 ? ", …" : "");

    private sealed record Rule(string To, string[] From, Func<Tensor, Tensor>? Via, double? Constant = null);
}
