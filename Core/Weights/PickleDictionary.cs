using System.Diagnostics.CodeAnalysis;

namespace Prisma.Core;

/// <summary>A dict, OrderedDict, defaultdict or Counter, in insertion order.</summary>
public sealed class PickleDictionary : PickleValue
{
    private readonly List<KeyValuePair<PickleValue, PickleValue>> _entries = [];
    private readonly Dictionary<object, int> _places = [];

    internal PickleDictionary() { }

    /// <summary>Keys and values, in order.</summary>
    public IReadOnlyList<KeyValuePair<PickleValue, PickleValue>> Entries => _entries;

    /// <summary>What an OrderedDict carries beside its entries (torch keeps <c>_metadata</c> there); usually null.</summary>
    public PickleValue? Attributes { get; internal set; }

    /// <inheritdoc/>
    public override string Kind => $"a dictionary of {_entries.Count}";

    /// <inheritdoc/>
    public override IEnumerable<string> Keys => _entries.Select(entry => entry.Key).OfType<PickleScalar>().Select(key => key.Value).OfType<string>();

    /// <inheritdoc/>
    public override bool TryGet(string key, [NotNullWhen(true)] out PickleValue? value)
    {
        value = _places.TryGetValue(key, out var place) ? _entries[place].Value : null;
        return value is not null;
    }

    internal void Set(PickleValue key, PickleValue value)
    {
        object identity = key is PickleScalar { Value: { } scalar } ? scalar : key;
        if (_places.TryAdd(identity, _entries.Count)) _entries.Add(new(key, value));
        else _entries[_places[identity]] = new(key, value);
    }
}
