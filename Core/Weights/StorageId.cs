namespace Prisma.Core;

/// <summary>How a pickle names a storage: ('storage', class, key, device, number of elements); the device is ignored.</summary>
internal static class StorageId
{
    public static (StoredType Type, string Key, long Length) Parse(string file, PickleValue id)
    {
        if (id is not PickleSequence { Items: [PickleScalar { Value: "storage" }, PickleName name, PickleScalar key, _, PickleScalar { Value: long count and >= 0 }, ..] })
            throw new CheckpointException($"'{file}': the pickle refers to {id.Kind}, which is no storage.");
        var type = TorchTypes.OfStorage(file, name);
        if (count > long.MaxValue / 16) throw new CheckpointException($"'{file}': a storage claims {count} elements.");
        return (type, PickleJson.KeyText(key), count * type.ItemSize());
    }
}
