using System.Diagnostics;
using Prisma.Core;
using Prisma.Diffusion;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>
/// Memory and time of one step of SDXL's U-net in its full size (2.6 billion weights, random, made on the fly) on a latent of 64×64, which is a
/// picture of 512×512. Needs about 11 GB in float32, 6 GB in bfloat16.
/// </summary>
internal static class UnetMemory
{
    public const string Verb = "unet-memory";

    public static int Run(IReadOnlyList<string> arguments)
    {
        var dtype = arguments switch
        {
            [] or ["float32"] => torch.ScalarType.Float32,
            ["bfloat16"] => torch.ScalarType.BFloat16,
            _ => throw new OptionsException($"'{string.Join(' ', arguments)}': say float32 (default) or bfloat16."),
        };
        using var scope = torch.NewDisposeScope();
        using var unet = new Unet(Full);
        foreach (var (_, weight) in unet.Weights)
        {
            var value = torch.empty([.. weight.Shape], dtype).normal_(0, 0.02);
            weight.Set(weight.Shape.Count == 1 ? value.add_(1) : value);
        }
        var weights = unet.ParameterCount * (dtype == torch.ScalarType.Float32 ? 4 : 2) / 1e9;
        var loaded = Machine.ResidentBytes() / 1e9;
        var clock = Stopwatch.StartNew();
        unet.Run(unet.Blank(64, 64), HookPlan.Empty).Dispose();
        Console.WriteLine(FormattableString.Invariant($"{Machine.Describe()}: SDXL U-net {unet.ParameterCount / 1e9:0.00} G weights in {dtype}, {weights:0.0} GB; resident {loaded:0.0} GB before a step, at most {Machine.PeakResidentBytes() / 1e9:0.0} GB; the step took {clock.Elapsed.TotalSeconds:0.0} s"));
        return 0;
    }

    private static UnetConfig Full => new()
    {
        Side = 64,
        Channels = [320, 640, 1280],
        Layers = [2, 2, 2],
        DownAttends = [false, true, true],
        UpAttends = [true, true, false],
        Heads = [5, 10, 20],
        TransformerLayers = [1, 2, 10],
        UpTransformerLayers = [10, 2, 1],
        Context = [2048, 2048, 2048],
        LinearProjection = true,
        TimeWidth = 1280,
        AddedWaves = 256,
        AddedWidth = 2816,
    };
}
