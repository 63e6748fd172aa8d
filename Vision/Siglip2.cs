using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// SigLIP 2 of variable resolution (Tschannen et al. 2025, "NaFlex") in the Hugging Face layout: Siglip2Model, Siglip2VisionModel, Siglip2TextModel.
/// Pictures keep their proportions and become as many patches as fit the budget; text tower, pooling and logits are SigLIP's. Checkpoints of fixed
/// resolution are of the family <c>siglip</c>.
/// </summary>
public sealed class Siglip2Family : ModelFamily<SiglipConfig>
{
    /// <inheritdoc/>
    public override string Name => "siglip2";

    /// <inheritdoc/>
    protected override SiglipConfig TinyConfig => new()
    {
        Vision = new()
        {
            Width = 16,
            Layers = 2,
            Heads = 2,
            Hidden = 24,
            Patch = 4,
            Rows = 3,
            Columns = 3,
            Eps = 1e-6,
            ClassToken = false,
            Positions = VitPositions.Patches,
            Activation = "gelu_pytorch_tanh",
        },
        Text = SiglipFamily.Text() with { Width = 12, Layers = 2, Heads = 3, Hidden = 20, Vocabulary = 40, Context = 8, Projection = 16 },
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType is "siglip2" or "siglip2_vision_model" or "siglip2_text_model";

    /// <inheritdoc/>
    protected override SiglipConfig ReadConfig(ModelFolder folder) => SiglipFamily.Read(folder, "Siglip2", json =>
    {
        var (places, width) = (json.Int("num_patches", 256), json.Int("hidden_size", 768));
        var side = (int)Math.Sqrt(places);
        json.Require(side * side == places, $"'num_patches' = {places} is no square, so its positions have no rows and columns");
        return new VitStackConfig
        {
            Width = width,
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = json.Int("intermediate_size", 3072),
            Patch = json.Side("patch_size", 16),
            Rows = side,
            Columns = side,
            Channels = json.Int("num_channels", 3),
            Activation = json.Activation("hidden_act", "gelu_pytorch_tanh"),
            Eps = json.Double("layer_norm_eps", 1e-6),
            ClassToken = false,
            Positions = VitPositions.Patches,
        };
    });

    /// <inheritdoc/>
    protected override HookedModel Build(SiglipConfig config) => SiglipFamily.Assemble(config, vision => new NaflexVision(vision, config.Pools));

    /// <inheritdoc/>
    protected override WeightMap Weights(SiglipConfig config, TensorSource source) => SiglipFamily.Map(config, source);
}

/// <summary>
/// SigLIP 2's image tower for pictures of any proportions. It takes what the reference's processor makes, pixel_values [B, N, p·p·C] of patches row
/// by row (channels innermost) with spatial_shapes [B, 2], rows and columns, and pixel_attention_mask [B, N], 0 for padding; or whole pictures
/// [B, C, H, W] of one size, which it cuts itself. Positions are resampled to each picture's grid, linearly with antialiasing.
/// </summary>
public sealed class NaflexVision : ImageTower
{
    private readonly VitStackConfig _config;
    private readonly Linear _patch;
    private readonly Weight _pos;
    private readonly HookPoint _embed, _posEmbed, _fullEmbed;
    private readonly Block[] _blocks;
    private readonly ClosingNorm _norm;
    private readonly AttentionPool? _pool;

    /// <summary>Declares everything of the configuration, without values.</summary>
    /// <param name="config">The stack: widths, blocks, and the grid of the positions.</param>
    /// <param name="pools">Whether there is attention pooling; without, nothing stands for the picture as a whole.</param>
    public NaflexVision(VitStackConfig config, bool pools)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _patch = Child("patch", new Linear(config.Channels * config.Patch * config.Patch, config.Width));
        _embed = Point(Site.Embed);
        _pos = Declare("pos_embed", 1, config.Rows * config.Columns, config.Width);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        var activation = Activation.Named(config.Activation);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads }),
            new Mlp(config.Width, config.Hidden, activation),
            config.Norm)))];
        _norm = Child("ln_final", new ClosingNorm(config.Width, config.Norm));
        if (pools) _pool = PartChild("head", new AttentionPool(config.Width, config.Heads, config.Hidden, activation, config.Norm));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values", "pixel_attention_mask", "spatial_shapes"];

    /// <inheritdoc/>
    public override int JointWidth => _pool is null ? 0 : _config.Width;

    /// <inheritdoc/>
    public override Norm FinalNorm => _norm.Norm;

    /// <inheritdoc/>
    public override Linear? Readout => null;

    /// <inheritdoc/>
    public override int? ReadToken => null;

    /// <inheritdoc/>
    public override TowerOutput Forward(ModelInput input, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (patches, grids) = (Patches(input["pixel_values"]), Grids(input));
        var visible = input.Has("pixel_attention_mask") ? Visible(input["pixel_attention_mask"], patches) : null;
        var tokens = _embed.Pass(_patch.Forward(patches.to(_patch.Matrix.Value.dtype)), run);
        var x = _fullEmbed.Pass(tokens + _posEmbed.Pass(PositionsOf(grids, patches.shape[1]), run), run);
        var context = visible is null ? null : new AttentionContext { Visible = visible };
        foreach (var block in _blocks) x = block.Forward(x, run, context);
        x = _norm.Forward(x, run);
        var pooled = _pool?.Forward(x, run, visible);
        return new TowerOutput(x.MoveToOuterDisposeScope(), pooled?.MoveToOuterDisposeScope(), null);
    }

    /// <inheritdoc/>
    public override TokenLayout? LayoutOf(ModelInput input)
    {
        var (pixels, grids) = (input["pixel_values"], Grids(input));
        var (rows, columns) = grids[0];
        var fills = pixels.ndim == 4 || pixels.shape[1] == (long)rows * columns;
        return fills && grids.All(grid => grid == grids[0]) ? TokenLayout.Picture(0, rows, columns, _config.Patch) : null;
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting) Processing.Center(_pos);
    }

    // [B, N, p·p·C], channels innermost; what a picture has beyond whole patches falls away.
    private Tensor Patches(Tensor pixels)
    {
        var (side, channels) = (_config.Patch, _config.Channels);
        if (!pixels.is_floating_point()) throw new ShapeException($"pixel_values holds {pixels.dtype}; expected prepared pictures in floating-point numbers, as 'prisma preprocess' writes them.");
        switch (pixels.shape)
        {
            case [_, _, var values] when values == channels * side * side:
                return pixels;
            case [var batch, var planes, var height, var width] when planes == channels && height >= side && width >= side:
                var (rows, columns) = (height / side, width / side);
                return pixels.narrow(2, 0, rows * side).narrow(3, 0, columns * side).reshape(batch, planes, rows, side, columns, side)
                    .permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, side * side * planes);
            default:
                throw new ShapeException($"pixel_values is [{string.Join(", ", pixels.shape)}]; expected patches [batch, patches, {channels * side * side}], or pictures [batch, {channels}, height, width] with sides of at least {side}.");
        }
    }

    private List<(int Rows, int Columns)> Grids(ModelInput input)
    {
        var pixels = input["pixel_values"];
        if (pixels.ndim == 4)
        {
            if (input.Has("spatial_shapes") || input.Has("pixel_attention_mask"))
                throw new ShapeException("spatial_shapes and pixel_attention_mask belong to pixel_values of patches [batch, patches, values]; whole pictures have the rows and columns that they have.");
            return [.. Enumerable.Repeat(((int)(pixels.shape[2] / _config.Patch), (int)(pixels.shape[3] / _config.Patch)), (int)pixels.shape[0])];
        }
        using var scope = NewDisposeScope();
        var shapes = input["spatial_shapes"];
        if (pixels.ndim != 3 || shapes.is_floating_point() || shapes.shape is not [var batch, 2] || batch != pixels.shape[0])
            throw new ShapeException($"spatial_shapes is {shapes.dtype} [{string.Join(", ", shapes.shape)}] beside pixel_values [{string.Join(", ", pixels.shape)}]; expected whole numbers [batch, 2], rows and columns of each picture.");
        var numbers = shapes.to(ScalarType.Int64).cpu().contiguous().data<long>().ToArray();
        var grids = Enumerable.Range(0, (int)batch).Select(k => ((int)numbers[2 * k], (int)numbers[2 * k + 1])).ToList();
        foreach (var (rows, columns) in grids)
            if (rows < 1 || columns < 1 || (long)rows * columns > pixels.shape[1])
                throw new ShapeException($"spatial_shapes has a picture of {rows} × {columns} patches; pixel_values holds {pixels.shape[1]}.");
        return grids;
    }

    private static Tensor Visible(Tensor mask, Tensor patches)
    {
        if (mask.shape is not [var batch, var count] || batch != patches.shape[0] || count != patches.shape[1])
            throw new ShapeException($"pixel_attention_mask is [{string.Join(", ", mask.shape)}]; the patches are [{patches.shape[0]}, {patches.shape[1]}].");
        var visible = mask.ne(0);
        return visible.any(1).all().item<bool>() ? visible : throw new ShapeException("pixel_attention_mask hides every patch of a picture.");
    }

    // [B, N, d]: each picture's grid, and at its padding what stands first, as in the reference.
    private Tensor PositionsOf(List<(int Rows, int Columns)> grids, long count)
    {
        using var scope = NewDisposeScope();
        var byGrid = new Dictionary<(int, int), Tensor>();
        foreach (var grid in grids)
            if (!byGrid.ContainsKey(grid)) byGrid[grid] = Padded(Resampled(grid.Rows, grid.Columns), count);
        return cat([.. grids.Select(grid => byGrid[grid])], 0).MoveToOuterDisposeScope();
    }

    private static Tensor Padded(Tensor table, long count) =>
        table.shape[1] == count ? table : cat([table, table.narrow(1, 0, 1).expand(1, count - table.shape[1], table.shape[2])], 1);

    private Tensor Resampled(int rows, int columns)
    {
        var table = _pos.Value;
        if ((rows, columns) == (_config.Rows, _config.Columns)) return table;
        var grid = table.view(1, _config.Rows, _config.Columns, _config.Width).permute(0, 3, 1, 2);
        var resampled = nn.functional.interpolate(grid, size: [rows, columns], mode: InterpolationMode.Bilinear, align_corners: false, antialias: true);
        return resampled.flatten(2).transpose(1, 2);
    }
}
