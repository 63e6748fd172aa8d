namespace Prisma.Core;

/// <summary>
/// Lists what hangs in a pickled value under names joined by dots: keys of dictionaries, attributes of objects, places in sequences.
/// Of pickled torch modules, <c>_parameters</c>, <c>_buffers</c> and <c>_modules</c> are left out of the names, which are then those of the
/// state dict. Values may be shared or contain themselves, so the walk is bounded.
/// </summary>
internal sealed class PickleTree
{
    private const int MaxDepth = 500;
    private const int MaxNodes = 2_000_000;
    private const long MaxNameCharacters = 1L << 28;

    private readonly string _file;
    private readonly HashSet<PickleValue> _path = new(ReferenceEqualityComparer.Instance);
    private int _nodes;
    private long _characters;

    private PickleTree(string file) => _file = file;

    /// <summary>Every tensor, named.</summary>
    public List<StoredTensor> Tensors { get; } = [];

    /// <summary>Everything else that has a value of its own: numbers, text, flags, names, bytes, and lists of nothing but these.</summary>
    public List<KeyValuePair<string, PickleValue>> Others { get; } = [];

    public static PickleTree Of(PickleValue root, string file)
    {
        var tree = new PickleTree(file);
        tree.Walk("", root);
        return tree;
    }

    private void Walk(string name, PickleValue value)
    {
        if (++_nodes > MaxNodes || (_characters += name.Length) > MaxNameCharacters)
            throw new CheckpointException($"'{_file}' is refused: its pickle expands to more than {MaxNodes} values.");
        switch (value)
        {
            case PickleTensor { IsComplete: true } tensor:
                Tensors.Add(tensor.Tensor.Renamed(name.Length > 0 ? name : TensorSource.LoneName));
                break;
            case PickleStorage storage:
                Tensors.Add(storage.ToTensor().Renamed(name.Length > 0 ? name : TensorSource.LoneName));
                break;
            case PickleSequence { Items.Count: > 0 } sequence when sequence.Items.All(item => item is PickleScalar):
                Others.Add(new(name, value));       // a list of plain values stays whole: logs have thousands
                break;
            case PickleSequence or PickleDictionary or PickleObject:
                if (_path.Count == MaxDepth) throw new CheckpointException($"'{_file}' is refused: its pickle is nested more than {MaxDepth} levels deep.");
                if (!_path.Add(value)) return;      // contains itself: listed already
                WalkParts(name, value);
                _path.Remove(value);
                break;
            default:
                Others.Add(new(name, value));
                break;
        }
    }

    private void WalkParts(string name, PickleValue value)
    {
        switch (value)
        {
            case PickleSequence sequence:
                WalkItems(name, sequence.Items);
                break;
            case PickleDictionary dictionary:
                foreach (var (key, entry) in dictionary.Entries) Walk(Join(name, PickleJson.KeyText(key)), entry);
                break;
            case PickleObject instance:
                WalkItems(name, instance.Items);
                if (instance.Arguments is PickleSequence arguments) WalkItems(name, arguments.Items);
                if (instance.State is not (null or PickleDictionary) && !instance.Parts.Any()) Walk(name, instance.State);
                var isModule = instance.Parts.Any(part => part.TryGet("_parameters", out _));
                foreach (var (key, entry) in instance.Parts.SelectMany(part => part.Entries))
                {
                    var text = PickleJson.KeyText(key);
                    Walk(isModule && text is "_parameters" or "_buffers" or "_modules" ? name : Join(name, text), entry);
                }

                break;
        }
    }

    private void WalkItems(string name, IReadOnlyList<PickleValue> items)
    {
        for (var i = 0; i < items.Count; i++) Walk(Join(name, i.ToString()), items[i]);
    }

    private static string Join(string name, string key) => name.Length == 0 ? key : $"{name}.{key}";
}
