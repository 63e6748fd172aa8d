using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>A tiny model with pictures of 16 pixels (17 tokens of width 16 each), and what it holds, computed without any of the store's code.</summary>
internal sealed class HarvestBench : IDisposable
{
    internal const int TokensPerPicture = 17;

    private readonly TempFolder _folder = new();

    internal HarvestBench(int pictures = 23, Func<Tensor, Tensor>? change = null)
    {
        Model = Models.Catalog.Families.Single(family => family.Name == "vit").Tiny();
        using var generator = new Generator(5);
        using (NewDisposeScope())
        {
            Pixels = randn(pictures, 3, 16, 16, generator: generator);
            if (change is not null) Pixels = change(Pixels);
            Pixels.DetachFromDisposeScope();
        }
        Safetensors.Write(_folder["pixels.safetensors"], [("pixel_values", Pixels)]);
        Inputs = new TensorInputs(TensorSource.Open(_folder["pixels.safetensors"]));
    }

    internal static HookSite First => Site.ResidPost[0];

    internal static HookSite Second => Site.MlpOut[1];

    internal HookedModel Model { get; }

    internal Tensor Pixels { get; }

    internal TensorInputs Inputs { get; }

    internal HarvestOptions Options { get; } = new() { Sites = [First, Second], RowsPerShard = 5 * TokensPerPicture, BlockRows = 10, Batch = 2, KeepFree = 0 };

    internal string this[string name] => _folder[name];

    /// <summary>[pictures, tokens, width], from one pass over everything. The caller (or its scope) disposes it.</summary>
    internal Tensor Direct(HookSite site)
    {
        using var recording = Model.Run(Pixels, HookPlan.Empty.Keep(site));
        return recording.Cache[site].clone();
    }

    internal HarvestIndex Harvest(string name, HarvestOptions? options = null, ExistingHarvest existing = ExistingHarvest.Continue) =>
        Prisma.Sae.Harvest.Run(Model, Inputs, options ?? Options, this[name], existing);

    public void Dispose()
    {
        Inputs.Dispose();
        Pixels.Dispose();
        Model.Dispose();
        _folder.Dispose();
    }
}
