using System.Text;

namespace Prisma.Core;

/// <summary>
/// The zip archive that torch.save writes since 1.6: <c>NAME/data.pkl</c>, storages as <c>NAME/data/KEY</c>, <c>NAME/byteorder</c>.
/// </summary>
internal sealed class TorchZip(ZipDirectory zip, string file)
{
    private const string PickleName = "data.pkl";
    private const long MaxPickle = 1L << 30;

    private readonly Dictionary<(string Key, StoredType Type), PickleStorage> _storages = [];
    private string _folder = "";
    private bool _bigEndian;

    public static bool Recognises(ZipDirectory zip) => Find(zip) is not null;

    public PickleValue Read()
    {
        var name = Find(zip)!;
        _folder = name[..^PickleName.Length];
        _bigEndian = zip.Find(_folder + "byteorder") is { Length: > 0 and < 16 } order && Encoding.ASCII.GetString(order.ReadArray(0, (int)order.Length)) == "big";
        var pickle = zip.Find(name)!;
        if (!pickle.RandomAccess)
        {
            if (pickle.Length > MaxPickle) throw new CheckpointException($"'{file}': its pickle unpacks to {pickle.Length} bytes, which is refused.");
            pickle = new MemoryBytes(file, pickle.ReadArray(0, (int)pickle.Length));
        }

        var budget = new PickleBudget(file, pickle.Length);
        return new PickleMachine(new PickleReader(pickle, 0), budget, new PickleCalls(file, budget, TorchStream.Nested(budget)), Storage).Run();
    }

    private static string? Find(ZipDirectory zip) =>
        zip.Names.Find(name => name == PickleName || (name.EndsWith("/" + PickleName, StringComparison.Ordinal) && name.IndexOf('/') == name.Length - PickleName.Length - 1));

    private PickleStorage Storage(PickleValue id)
    {
        var (type, key, length) = StorageId.Parse(file, id);
        if (_storages.TryGetValue((key, type), out var known)) return known;
        var member = zip.Find($"{_folder}data/{key}") ?? throw new CheckpointException($"'{file}': the storage '{key}' is missing from the archive.");
        if (member.Length < length) throw new CheckpointException($"'{file}': the storage '{key}' should have {length} bytes and has {member.Length}.");
        return _storages[(key, type)] = new PickleStorage(type, member.Slice(0, length), _bigEndian);
    }
}
