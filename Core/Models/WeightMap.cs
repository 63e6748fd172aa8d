using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// A family's declarative list of which checkpoint tensor fills which weight. Loading sets every weight exactly once and accounts for
/// every checkpoint tensor; whatever is missing or left over is reported at once, with the file's name.
/// </summary>
public sealed class WeightMap
{
    /// <summary>In <see cref="Stack(string, string[])"/>: zeros in place of a tensor, such as the bias that keys lack.</summary>
    public const string Zeros = "";

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

    /// <summary>Every weight of a module from the tensor of its own name: for models whose weights are named as the checkpoint names them.</summary>
    public WeightMap Same(Module module)
    {
        foreach (var (name, _) in module.Weights) Copy(name, name);
        return this;
    }

    /// <summary><c>to.weight</c> and <c>to.bias</c> from <c>from.weight</c> and <c>from.bias</c>.</summary>
    public WeightMap Pair(string to, string from) => Copy(to + ".weight", from + ".weight").Copy(to + ".bias", from + ".bias");

    /// <summary>
    /// Several tensors, one under another along the first axis, fill one weight: separate q, k and v of one fused matrix. Parts that are
    /// <see cref="Zeros"/> share evenly what the tensors leave.
    /// </summary>
    public WeightMap Stack(string to, params string[] from) => Stack(to, null, from);

    /// <summary>The same, each tensor changed first.</summary>
    public WeightMap Stack(string to, Func<Tensor, Tensor>? via, params string[] from)
    {
        _rules.Add(new Rule(_to + to, [.. from.Select(name => name == Zeros ? Zeros : _from + name)], via));
        return this;
    }

    /// <summary>A weight that no tensor fills because the reference computes as if it had this value everywhere.</summary>
    public WeightMap Fill(string to, double value, string because)
    {
        ArgumentException.ThrowIfNullOrEmpty(because);
        _rules.Add(new Rule(_to + to, [], null, value));
        return this;
    }

    /// <summary>A weight that the checkpoint does not store because the reference computes it, such as a fixed position table.</summary>
    public WeightMap Compute(string to, Func<Tensor> make)
    {
        _rules.Add(new Rule(_to + to, [], null) { Make = make });
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
        var faults = Faults(weights, rules, source);
        using var gradless = no_grad();
        foreach (var (name, weight) in weights)
        {
            var rule = rules[name];
            if (rule.Via is null && faults.Count == 0) Fill(weight, rule, source, dtype);
            if (rule.Via is not null && rule.Tensors.All(source.Contains) && FillChanged(weight, rule, source, dtype) is { } misfit) faults.Add(misfit);
        }
        if (faults.Count > 0) throw new CheckpointException($"{source.Path}: {string.Join("; ", faults)}.");
    }

    private List<string> Faults(Dictionary<string, Weight> weights, Dictionary<string, Rule> rules, TensorSource source)
    {
        var faults = new List<string>();
        var unmapped = weights.Keys.Where(name => !rules.ContainsKey(name)).ToList();
        if (unmapped.Count > 0) throw new InvalidOperationException($"The weight map fills nothing into {string.Join(", ", unmapped)}.");
        var missing = rules.Values.SelectMany(rule => rule.Tensors).Where(name => !source.Contains(name)).Order().ToList();
        if (missing.Count > 0) faults.Add($"{missing.Count} tensors are missing ({Some(missing)})");
        var used = rules.Values.SelectMany(rule => rule.Tensors).ToHashSet(StringComparer.Ordinal);
        var unused = source.Names.Where(name => !used.Contains(name) && !_ignored.Any(pattern => Glob.Matches(pattern, name))).Order().ToList();
        if (unused.Count > 0) faults.Add($"{unused.Count} tensors have no use in this architecture ({Some(unused)})");
        foreach (var (name, rule) in rules)
            if (rule.Via is null && rule.Value is null && rule.Make is null && rule.Tensors.All(source.Contains)
                && Misfit(weights[name], [.. rule.Tensors.Select(source.Get)], rule.ZeroParts) is { } misfit)
                faults.Add(misfit);
        return faults;
    }

    private static string? Misfit(Weight weight, StoredTensor[] tensors, int zeroParts)
    {
        var rest = Squeezed(weight.Shape.Skip(1));
        var left = weight.Count - tensors.Sum(tensor => tensor.Count);
        var fits = (zeroParts == 0 ? left == 0 : left > 0 && left % zeroParts == 0)
            && (tensors.Length == 1 && zeroParts == 0 ? Squeezed(tensors[0].Shape).SequenceEqual(Squeezed(weight.Shape)) : tensors.All(tensor => Squeezed(tensor.Shape.Skip(1)).SequenceEqual(rest)));
        return fits ? null : Misfit(weight, tensors);
    }

    private static string Misfit(Weight weight, IEnumerable<StoredTensor> tensors) =>
        $"{string.Join(" + ", tensors.Select(tensor => $"'{tensor.Name}' [{string.Join(", ", tensor.Shape)}]"))} does not fill [{string.Join(", ", weight.Shape)}], the size that the configuration asks for";

    // A class token may be stored as [1, 1, d] or [d].
    private static IEnumerable<long> Squeezed(IEnumerable<long> shape) => shape.Where(size => size != 1);

    private static void Fill(Weight weight, Rule rule, TensorSource source, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        if (rule.Value is { } value)
        {
            weight.Set(full([.. weight.Shape], value, dtype));
            return;
        }
        if (rule.Make is { } make)
        {
            weight.Set(make().to(dtype));
            return;
        }
        var target = empty([.. weight.Shape], dtype);
        var flat = target.view(-1);
        long start = 0;
        var zeros = rule.ZeroParts == 0 ? 0 : (weight.Count - rule.Tensors.Sum(name => source.Get(name).Count)) / rule.ZeroParts;
        foreach (var name in rule.From)
        {
            if (name == Zeros)
            {
                flat.narrow(0, start, zeros).zero_();
                start += zeros;
                continue;
            }
            var stored = source.Get(name);
            if (stored.Count > 0) stored.ReadInto(flat.narrow(0, start, stored.Count));
            start += stored.Count;
        }
        weight.Set(target);
    }

    // What is wrong, or null. A tensor of another rank makes the change itself fail.
    private static string? FillChanged(Weight weight, Rule rule, TensorSource source, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var stored = rule.Tensors.Select(source.Get).ToList();
        try
        {
            var parts = stored.Select(tensor => rule.Via!(tensor.ToTensor())).ToList();
            var changed = parts.Count == 1 ? parts[0] : cat(parts, 0);
            if (!changed.shape.AsSpan().SequenceEqual(weight.Shape.ToArray())) return Misfit(weight, stored);
            weight.Set(changed.to(dtype).contiguous());
            return null;
        }
        catch (ExternalException)
        {
            return Misfit(weight, stored);
        }
    }

    private static string Some(List<string> names) => string.Join(", ", names.Take(6)) + (names.Count > 6 ? ", …" : "");

    private sealed record Rule(string To, string[] From, Func<Tensor, Tensor>? Via, double? Value = null)
    {
        internal IEnumerable<string> Tensors => From.Where(name => name != Zeros);

        internal int ZeroParts => From.Count(name => name == Zeros);

        /// <summary>What computes the value where the checkpoint does not have it.</summary>
        internal Func<Tensor>? Make { get; init; }
    }
}
