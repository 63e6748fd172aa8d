using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Prisma.Tests;

/// <summary>A library whose public surface Engine offers in part: the list of what is in use, our own surface, and the real one where it is at hand.</summary>
/// <param name="Space">The root namespace.</param>
/// <param name="List">File of the list in Engine/signatures.</param>
/// <param name="Variable">Environment variable that names the real managed assembly.</param>
/// <param name="AnyType">One public type of it.</param>
internal sealed record StandIn(string Space, string List, string Variable, string AnyType)
{
    public static readonly StandIn TorchSharp = new("TorchSharp", "TorchSharp-0.107.txt", "PRISMA_TORCHSHARP_DLL", "TorchSharp.torch");
    public static readonly StandIn OpenCvSharp = new("OpenCvSharp", "OpenCvSharp4.txt", "PRISMA_OPENCVSHARP_DLL", "OpenCvSharp.Cv2");

    /// <summary>Our own types, or with -p:Natives=nuget the package's.</summary>
    public Assembly InUse => (Type.GetType($"{AnyType}, Prisma.Engine") ?? Type.GetType($"{AnyType}, {Space}", throwOnError: true)!).Assembly;

    public bool IsOurs => InUse.GetName().Name == "Prisma.Engine";

    /// <summary>The real assembly named by the environment, loaded beside our own.</summary>
    public Assembly LoadReal() =>
        new AssemblyLoadContext(Space).LoadFromAssemblyPath(Path.GetFullPath(Environment.GetEnvironmentVariable(Variable)!));

    public IReadOnlyList<string> ReadList() =>
        [.. File.ReadLines(ListPath()).Where(line => line.Length > 0 && !line.StartsWith('#'))];

    public void WriteList(IEnumerable<string> lines) => File.WriteAllLines(ListPath(),
    [
        $"# The public signatures of {Space} that Engine offers, as the real assembly has them. How to renew the list: CONTRIBUTING.md.",
        .. lines,
    ]);

    private string ListPath([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "Engine", "signatures", List);

    public override string ToString() => Space;
}
