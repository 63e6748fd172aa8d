using Prisma.Core;
using Prisma.Vision;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>
/// The demo's vision transformer while it learns: the hooked model that everybody uses, its weights made trainable, and beside it a head
/// that names what each patch shows. That head is not part of the checkpoint. Owns both.
/// </summary>
internal sealed class TrainableVit : IDisposable
{
    public const double Eps = 1e-6;

    private readonly Parameter _patchWeight, _patchBias;

    public TrainableVit(DemoVitOptions options)
    {
        options.Validate();
        Options = options;
        Config = new VitConfig
        {
            Width = options.Width,
            Layers = options.Layers,
            Heads = options.Heads,
            Hidden = options.Hidden,
            Patch = options.Patch,
            Image = Scene.Width,
            Eps = Eps,
            Head = VitHead.Classifier,
            Classes = Enum.GetValues<ShapeKind>().Length,
        };
        Model = new Vit(Config);
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)options.Seed);
        Start(Model, Config, random);
        _patchWeight = Parameter(randn([PatchTask.Outputs, options.Width], generator: random).mul_(0.02));
        _patchBias = Parameter(zeros(PatchTask.Outputs));
        _patchWeight.DetachFromDisposeScope();
        _patchBias.DetachFromDisposeScope();
    }

    public DemoVitOptions Options { get; }

    public VitConfig Config { get; }

    public Vit Model { get; }

    /// <summary>Everything that is trained, in a fixed order.</summary>
    public IEnumerable<Parameter> Trained => Model.Weights.Select(named => (Parameter)named.Weight.Value).Append(_patchWeight).Append(_patchBias);

    /// <summary>The matrices of the blocks.</summary>
    public IEnumerable<Parameter> BlockMatrices =>
        Model.Weights.Where(named => named.Name.StartsWith("blocks.", StringComparison.Ordinal) && named.Weight.Shape.Count == 2)
            .Select(named => (Parameter)named.Weight.Value);

    /// <summary>Class logits [B, classes] and patch logits [B · patches, <see cref="PatchTask.Outputs"/>] of pixels [B, 3, 64, 64], with their graph.</summary>
    public (Tensor Classes, Tensor Patches) Forward(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        using Recording recording = Model.Run(pixels, HookPlan.Empty.ForTraining());
        Tensor tokens = recording.Outputs["last_hidden_state"];
        Tensor patches = functional.linear(tokens.narrow(1, 1, tokens.shape[1] - 1).reshape(-1, Options.Width), _patchWeight, _patchBias);
        return (recording.Main.alias().MoveToOuterDisposeScope(), patches.MoveToOuterDisposeScope());
    }

    public void Dispose()
    {
        Model.Dispose();
        _patchWeight.Dispose();
        _patchBias.Dispose();
    }

    /// <summary>How the weights of such a model start.</summary>
    public static void Start(Vit model, VitConfig config, Generator random)
    {
        foreach (var (name, weight) in model.Weights)
        {
            long[] shape = [.. weight.Shape];
            Tensor start = name == "pos_embed" ? tensor(PositionCode(config.Image / config.Patch, config.Width)).view(shape) : StartValues.Of(name, shape, config.Layers, random);
            weight.Set(Parameter(start));
        }
    }

    /// <summary>[1 + grid², width]: zeros for the class token; sines and cosines of row and column for the patches. A start that training changes.</summary>
    private static float[] PositionCode(int grid, int width)
    {
        const double amplitude = 0.3, longest = 100;
        int quarter = width / 4;
        var code = new float[(1 + grid * grid) * width];
        for (int cell = 0; cell < grid * grid; cell++)
        {
            Span<float> row = code.AsSpan((1 + cell) * width, width);
            for (int k = 0; k < quarter; k++)
            {
                double frequency = Math.Pow(longest, -(double)k / quarter), down = cell / grid * frequency, along = cell % grid * frequency;
                row[k] = (float)(amplitude * Math.Sin(down));
                row[quarter + k] = (float)(amplitude * Math.Cos(down));
                row[2 * quarter + k] = (float)(amplitude * Math.Sin(along));
                row[3 * quarter + k] = (float)(amplitude * Math.Cos(along));
            }
        }
        return code;
    }
}
