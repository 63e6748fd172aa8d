namespace Prisma.Core;

/// <summary>A list, tuple or set.</summary>
public sealed class PickleSequence : PickleValue
{
    private readonly List<PickleValue> _items;

    internal PickleSequence(PickleSequenceKind type, List<PickleValue> items)
    {
        Type = type;
        _items = items;
    }

    /// <summary>Which of them.</summary>
    public PickleSequenceKind Type { get; }

    /// <summary>The items, in order.</summary>
    public IReadOnlyList<PickleValue> Items => _items;

    /// <inheritdoc/>
    public override string Kind => $"a {Type.ToString().ToLowerInvariant()} of {_items.Count}";

    internal void Add(PickleValue item) => _items.Add(item);
}
