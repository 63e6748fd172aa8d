using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>
/// A pre-norm vision transformer in the form that is trained: no hooks, parameters under the names of Hugging Face's ViT, so that they
/// are saved as they are. Beside the classifier it has a head that names what each patch shows; that head is not part of the checkpoint.
/// B scenes, T = 1 + patches tokens, D width, H heads.
/// </summary>
internal sealed class VitNetwork : IDisposable
{
    public const double Epsilon = 1e-6;

    private readonly DemoVitOptions _options;
    private readonly Dictionary<string, Parameter> _parameters = [];
    private readonly Dictionary<string, Parameter> _patchHead = [];

    public VitNetwork(DemoVitOptions options)
    {
        _options = options;
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)options.Seed);
        int width = options.Width, patch = options.Patch, pixels = 3 * patch * patch;
        // Branches that write to the residual stream start small, so that depth does not blow it up.
        double inner = 0.8, outer = inner * 1.5 / Math.Sqrt(2 * options.Layers);
        Weight("vit.embeddings.patch_embeddings.projection.weight", [width, 3, patch, patch], inner / Math.Sqrt(pixels));
        Constant("vit.embeddings.patch_embeddings.projection.bias", [width], 0);
        Constant("vit.embeddings.cls_token", [1, 1, width], 0);
        Add(_parameters, "vit.embeddings.position_embeddings", tensor(PositionCode(options.Grid, width)).view(1, -1, width));
        for (int layer = 0; layer < options.Layers; layer++)
        {
            string block = $"vit.encoder.layer.{layer}.";
            Norm(block + "layernorm_before");
            foreach (string part in new[] { "query", "key", "value" }) Linear($"{block}attention.attention.{part}", width, width, inner);
            Linear(block + "attention.output.dense", width, width, outer);
            Norm(block + "layernorm_after");
            Linear(block + "intermediate.dense", width, options.Hidden, inner);
            Linear(block + "output.dense", options.Hidden, width, outer);
        }
        Norm("vit.layernorm");
        Linear("classifier", width, Enum.GetValues<ShapeKind>().Length, 0.02 * Math.Sqrt(width));
        Add(_patchHead, "weight", randn([PatchTask.Outputs, width], generator: random).mul_(0.02));
        Add(_patchHead, "bias", zeros(PatchTask.Outputs));

        void Norm(string name)
        {
            Constant(name + ".weight", [width], 1);
            Constant(name + ".bias", [width], 0);
        }

        void Linear(string name, int from, int to, double gain)
        {
            Weight(name + ".weight", [to, from], gain / Math.Sqrt(from));
            Constant(name + ".bias", [to], 0);
        }

        void Constant(string name, long[] shape, double value) => Add(_parameters, name, full(shape, value));

        void Weight(string name, long[] shape, double deviation) =>
            Add(_parameters, name, randn(shape, generator: random).clamp_(-2, 2).mul_(deviation));
    }

    /// <summary>What the checkpoint holds, by name.</summary>
    public IReadOnlyDictionary<string, Parameter> Checkpoint => _parameters;

    /// <summary>Everything that is trained, in a fixed order.</summary>
    public IEnumerable<Parameter> Trained => _parameters.Values.Concat(_patchHead.Values);

    /// <summary>Class logits [B, classes] and patch logits [B · patches, <see cref="PatchTask.Outputs"/>] of pixels [B, 3, 64, 64].</summary>
    public (Tensor Classes, Tensor Patches) Forward(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        Tensor x = Embed(pixels);
        for (int layer = 0; layer < _options.Layers; layer++) x = Block(x, $"vit.encoder.layer.{layer}.");
        x = Norm(x, "vit.layernorm");
        Tensor classes = Linear(x.select(1, 0), "classifier");
        Tensor patches = functional.linear(x.narrow(1, 1, x.shape[1] - 1).reshape(-1, _options.Width), _patchHead["weight"], _patchHead["bias"]);
        return (classes.MoveToOuterDisposeScope(), patches.MoveToOuterDisposeScope());
    }

    public void Dispose()
    {
        foreach (Parameter parameter in Trained) parameter.Dispose();
    }

    private Tensor Embed(Tensor pixels)
    {
        long batch = pixels.shape[0], grid = _options.Grid, patch = _options.Patch;
        Tensor patches = pixels.view(batch, 3, grid, patch, grid, patch).permute(0, 2, 4, 1, 3, 5).reshape(batch, grid * grid, 3 * patch * patch);
        Tensor weight = _parameters["vit.embeddings.patch_embeddings.projection.weight"].view(_options.Width, -1);
        Tensor x = functional.linear(patches, weight, _parameters["vit.embeddings.patch_embeddings.projection.bias"]);
        Tensor first = _parameters["vit.embeddings.cls_token"].expand(batch, 1, _options.Width);
        return cat([first, x], 1).add_(_parameters["vit.embeddings.position_embeddings"]);
    }

    private Tensor Block(Tensor x, string name)
    {
        long batch = x.shape[0], tokens = x.shape[1], heads = _options.Heads, each = _options.Width / heads;
        // One product for queries, keys and values: [B, T, 3 D] -> 3 × [B, H, T, D / H].
        string[] parts = [$"{name}attention.attention.query", $"{name}attention.attention.key", $"{name}attention.attention.value"];
        Tensor weight = cat([.. parts.Select(part => _parameters[part + ".weight"])], 0), bias = cat([.. parts.Select(part => _parameters[part + ".bias"])], 0);
        Tensor split = functional.linear(Norm(x, name + "layernorm_before"), weight, bias).view(batch, tokens, 3, heads, each).permute(2, 0, 3, 1, 4);
        Tensor query = split.select(0, 0).mul(1 / Math.Sqrt(each)), key = split.select(0, 1), value = split.select(0, 2);
        Tensor pattern = query.matmul(key.transpose(-1, -2)).softmax(-1);
        Tensor mixed = pattern.matmul(value).transpose(1, 2).reshape(batch, tokens, _options.Width);
        x = x.add(Linear(mixed, name + "attention.output.dense"));
        Tensor hidden = functional.gelu(Linear(Norm(x, name + "layernorm_after"), name + "intermediate.dense"));
        return x.add(Linear(hidden, name + "output.dense"));
    }

    private Tensor Linear(Tensor x, string name) => functional.linear(x, _parameters[name + ".weight"], _parameters[name + ".bias"]);

    private Tensor Norm(Tensor x, string name) =>
        functional.layer_norm(x, [_options.Width], _parameters[name + ".weight"], _parameters[name + ".bias"], Epsilon);

    private static void Add(Dictionary<string, Parameter> into, string name, Tensor value) =>
        into.Add(name, (Parameter)Parameter(value).DetachFromDisposeScope());

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
