using System.Globalization;
using System.Numerics;

namespace Prisma.Core;

/// <summary>
/// A plain pickle, or what torch.save wrote before 1.6: pickles of a magic number, the protocol, the system and the value, a pickled list of
/// storage keys, then each storage as its element count and its values.
/// </summary>
internal sealed class TorchStream(ByteStore file, PickleBudget budget)
{
    private const int Protocol = 1001;

    private static readonly BigInteger Magic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.AllowHexSpecifier);

    private readonly PickleReader _reader = new(file, 0);
    private readonly Dictionary<string, PickleStorage> _storages = [];

    /// <summary>Reads torch bytes inside a pickle: tensors that were pickled without torch.save.</summary>
    public static Func<ByteStore, PickleValue> Nested(PickleBudget budget) => bytes =>
    {
        if (budget.Nesting == 0) throw new CheckpointException($"'{budget.File}' is refused: pickles are nested in pickles too deeply.");
        budget.Nesting--;
        var start = bytes.ReadArray(0, (int)Math.Min(4, bytes.Length));
        var value = ZipDirectory.Recognises(start)
            ? throw new CheckpointException($"'{budget.File}': an archive inside a pickle is not supported.")
            : new TorchStream(bytes, budget).Read().Root;
        budget.Nesting++;
        return value;
    };

    public (PickleValue Root, bool IsTorch) Read()
    {
        var root = Run(Refuse);
        var isTorch = root is PickleScalar { Value: BigInteger number } && number == Magic;
        if (isTorch)
        {
            if (Run(Refuse) is not PickleScalar { Value: (long)Protocol }) throw new CheckpointException($"'{file.Label}': the protocol of this PyTorch file is not {Protocol}.");
            Run(Refuse);
            root = Run(Storage);
            PlaceStorages();
        }

        if (_reader.Remaining > 0) throw new CheckpointException($"'{file.Label}': {_reader.Remaining} bytes follow the pickle. The file is damaged.");
        return (root, isTorch);
    }

    private PickleValue Run(Func<PickleValue, PickleValue> persistent) =>
        new PickleMachine(_reader, budget, new PickleCalls(file.Label, budget, Nested(budget)), persistent).Run();

    private PickleValue Refuse(PickleValue id) => throw new CheckpointException($"'{file.Label}': the pickle refers to {id.Kind} outside itself; only torch.save's storages are known.");

    private PickleValue Storage(PickleValue id)
    {
        // A module class, with its source code beside it, which is of no use here.
        if (id is PickleSequence { Items: [PickleScalar { Value: "module" }, PickleName type, ..] }) return type;
        var (storageType, key, length) = StorageId.Parse(file.Label, id);
        if (length > file.Length) throw new CheckpointException($"'{file.Label}': the storage '{key}' claims {length} bytes of {file.Length}. The file is truncated or damaged.");
        if (!_storages.TryGetValue(key, out var storage))
            _storages[key] = storage = new PickleStorage(storageType, new LateBytes(file.Label, length), bigEndian: false);
        if (storage.Type != storageType || storage.Bytes.Length != length) throw new CheckpointException($"'{file.Label}': the storage '{key}' is described in two ways.");
        return id is PickleSequence { Items: [_, _, _, _, _, PickleSequence { Items: [_, PickleScalar { Value: long offset and >= 0 }, PickleScalar { Value: long size and >= 0 }] }] }
            ? View(storage, offset, size)
            : storage;
    }

    private PickleStorage View(PickleStorage storage, long offset, long size)
    {
        var item = storage.Type.ItemSize();
        if (offset > storage.Bytes.Length / item || size > storage.Bytes.Length / item) throw new CheckpointException($"'{file.Label}': a view reaches beyond its storage.");
        return new PickleStorage(storage.Type, storage.Bytes.Slice(offset * item, size * item), storage.BigEndian);
    }

    private void PlaceStorages()
    {
        if (Run(Refuse) is not PickleSequence keys) throw new CheckpointException($"'{file.Label}': the list of storages is missing.");
        foreach (var key in keys.Items.Select(PickleJson.KeyText))
        {
            if (!_storages.TryGetValue(key, out var storage)) throw new CheckpointException($"'{file.Label}': the storage '{key}' belongs to no tensor.");
            var count = _reader.Int64();
            if (count != storage.Bytes.Length / storage.Type.ItemSize()) throw new CheckpointException($"'{file.Label}': the storage '{key}' has {count} elements; its tensor expects {storage.Bytes.Length / storage.Type.ItemSize()}.");
            ((LateBytes)storage.Bytes).Place(_reader.Part(storage.Bytes.Length));
        }

        var missing = _storages.FirstOrDefault(pair => !((LateBytes)pair.Value.Bytes).IsPlaced);
        if (missing.Key is not null) throw new CheckpointException($"'{file.Label}': the storage '{missing.Key}' is missing. The file is truncated.");
    }
}
