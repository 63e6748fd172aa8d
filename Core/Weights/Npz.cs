namespace Prisma.Core;

/// <summary>numpy's containers: .npz (a zip of .npy members, stored or deflated) and a lone .npy, whose array is named "tensor".</summary>
internal static class Npz
{
    private const string Suffix = ".npy";

    public static bool Recognises(ZipDirectory zip) => zip.Names.Exists(name => name.EndsWith(Suffix, StringComparison.Ordinal));

    public static TensorSource Open(ZipDirectory zip, string path, IDisposable owner)
    {
        var tensors = zip.Names
            .Where(name => name.EndsWith(Suffix, StringComparison.Ordinal))
            .Select(name => NpyHeader.Read(zip.Find(name)!, name[..^Suffix.Length]))
            .ToList();
        return new TensorSource(path, "npz", tensors, null, owner);
    }

    public static TensorSource OpenArray(ByteStore file, string path, IDisposable owner) =>
        new(path, "npy", [NpyHeader.Read(file, TensorSource.LoneName)], null, owner);
}
