using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>A module whose output on the picture's cells is a place.</summary>
internal sealed class Placed<T> : Module where T : Module
{
    private readonly HookPoint _out;

    internal Placed(T inner)
    {
        Inner = Child("", inner);
        _out = Point(Site.ModuleOut);
    }

    internal T Inner { get; }

    internal Tensor Pass(Tensor value, HookRun run) => _out.Pass(value, run);
}
