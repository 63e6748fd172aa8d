using System.Diagnostics.CodeAnalysis;

namespace Prisma.Core;

/// <summary>
/// An instance of a class that is not known here, as a record: nothing of the class was run. Its attributes are reached like entries of a
/// dictionary.
/// </summary>
public sealed class PickleObject : PickleValue
{
    private readonly List<PickleValue> _items = [];

    internal PickleObject(PickleName type, PickleValue arguments)
    {
        Type = type;
        Arguments = arguments;
    }

    /// <summary>The class, by its dotted name.</summary>
    public PickleName Type { get; }

    /// <summary>What its constructor would have been given, usually an empty tuple.</summary>
    public PickleValue Arguments { get; }

    /// <summary>Its state, usually a dictionary of attributes; null if it has none.</summary>
    public PickleValue? State { get; internal set; }

    /// <summary>What was appended, if it is a kind of list.</summary>
    public IReadOnlyList<PickleValue> Items => _items;

    /// <summary>Its entries, if it is a kind of dictionary; else null.</summary>
    public PickleDictionary? Entries { get; private set; }

    /// <inheritdoc/>
    public override string Kind => $"an instance of {Type}";

    /// <inheritdoc/>
    public override IEnumerable<string> Keys => Parts.SelectMany(part => part.Keys);

    /// <summary>The dictionaries that hold its attributes and entries: the state may be a pair (attributes, slots).</summary>
    internal IEnumerable<PickleDictionary> Parts
    {
        get
        {
            if (State is PickleDictionary attributes) yield return attributes;
            if (State is PickleSequence { Type: PickleSequenceKind.Tuple } pair)
            {
                foreach (var part in pair.Items.OfType<PickleDictionary>()) yield return part;
            }

            if (Entries is not null) yield return Entries;
        }
    }

    /// <inheritdoc/>
    public override bool TryGet(string key, [NotNullWhen(true)] out PickleValue? value)
    {
        foreach (var part in Parts)
        {
            if (part.TryGet(key, out value)) return true;
        }

        value = null;
        return false;
    }

    internal void Add(PickleValue item) => _items.Add(item);

    internal void Set(PickleValue key, PickleValue value) => (Entries ??= new PickleDictionary()).Set(key, value);
}
