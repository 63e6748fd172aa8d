namespace Prisma.Core;

/// <summary>
/// PyTorch's files and plain pickles: the zip archives of torch.save and TorchScript, the stream that it wrote before version 1.6, and pickles
/// (also gzipped) with torch or numpy content. Nothing in them is executed.
/// </summary>
public sealed class TorchPickle : TensorSource
{
    private TorchPickle(string path, string format, PickleValue root, PickleTree tree, IDisposable owner)
        : base(path, format, tree.Tensors, null, owner)
    {
        Root = root;
        Others = [.. tree.Others.DistinctBy(other => other.Key)];
    }

    /// <summary>The pickled value as it is: dictionaries, objects, numbers, text and tensors.</summary>
    public PickleValue Root { get; }

    /// <summary>
    /// What the file holds beside tensors (numbers, text, flags, names, lists of such), each with its dotted name; of two that look alike, such
    /// as the keys 3 and "3", the first.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, PickleValue>> Others { get; }

    internal static bool RecognisesPickle(ReadOnlySpan<byte> start) => start.Length >= 2 && start[0] == 0x80 && start[1] is >= 2 and <= 5;

    internal static TorchPickle OpenZip(ZipDirectory zip, ByteStore file, string path, IDisposable owner)
    {
        var root = new TorchZip(zip, file.Label).Read();
        return new TorchPickle(path, "PyTorch zip archive", root, PickleTree.Of(root, path), owner);
    }

    internal static TorchPickle OpenStream(ByteStore file, string path, IDisposable owner)
    {
        var (root, isTorch) = new TorchStream(file, new PickleBudget(file.Label, file.Length)).Read();
        return new TorchPickle(path, isTorch ? "PyTorch stream (before 1.6)" : "pickle", root, PickleTree.Of(root, path), owner);
    }
}
