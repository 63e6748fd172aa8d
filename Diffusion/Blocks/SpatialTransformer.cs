using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What a transformer over the cells of a picture is made of.</summary>
internal sealed record SpatialTransformerOptions
{
    internal required int Channels { get; init; }

    internal required int Heads { get; init; }

    /// <summary>The width of the text's tokens.</summary>
    internal required int Context { get; init; }

    internal required int Layers { get; init; }

    internal required int Groups { get; init; }

    /// <summary>Projections in and out are matrices on tokens, not 1×1 convolutions on channels.</summary>
    internal bool LinearProjection { get; init; }

    internal bool Upcast { get; init; }

    /// <summary>The first attention of each layer reads the text too, in place of the cells.</summary>
    internal bool ReadsTextTwice { get; init; }

    /// <summary>The width of one head.</summary>
    internal int HeadWidth => Channels / Heads;
}

/// <summary>
/// A stack of transformer layers over the cells of [B, C, h, w], added to what it read: the places that sparse coders of U-nets are trained on.
/// </summary>
internal sealed class SpatialTransformer : CellMixer
{
    private const double Eps = 1e-6;

    private readonly HookPoint _in, _update, _out;
    private readonly GroupNorm _norm;
    private readonly Linear? _readTokens, _writeTokens;
    private readonly Convolution? _readCells, _writeCells;
    private readonly TransformerBlock[] _blocks;

    internal SpatialTransformer(SpatialTransformerOptions options)
    {
        var inner = options.Heads * options.HeadWidth;
        _in = Point(Site.ModuleIn);
        _norm = Child("norm", new GroupNorm(options.Groups, options.Channels, Eps));
        if (options.LinearProjection) _readTokens = Child("proj_in", new Linear(options.Channels, inner));
        else _readCells = Child("proj_in", new Convolution(options.Channels, inner, 1));
        _blocks = [.. Enumerable.Range(0, options.Layers).Select(i =>
            PartChild($"transformer_blocks.{i}", new TransformerBlock(options)))];
        if (options.LinearProjection) _writeTokens = Child("proj_out", new Linear(inner, options.Channels));
        else _writeCells = Child("proj_out", new Convolution(inner, options.Channels, 1));
        _update = PointOnDemand(Site.ModuleUpdate);
        _out = Point(Site.ModuleOut);
    }

    internal override Tensor Forward(Tensor x, Tensor? text, HookRun run)
    {
        ArgumentNullException.ThrowIfNull(text);
        using var scope = NewDisposeScope();
        x = _in.Pass(x, run);
        var (height, width) = (x.shape[2], x.shape[3]);
        var h = _norm.Forward(x);
        if (_readCells is not null) h = _readCells.Forward(h);
        h = h.flatten(2).transpose(1, 2);
        h = _readTokens is null ? h.contiguous() : _readTokens.Forward(h);
        foreach (var block in _blocks) h = block.Forward(h, text, run);
        if (_writeTokens is not null) h = _writeTokens.Forward(h);
        h = h.transpose(1, 2).reshape(h.shape[0], h.shape[2], height, width);
        if (_writeCells is not null) h = _writeCells.Forward(h);
        return _out.Pass(StreamUpdate.Pass(_update, x, h + x, run), run).MoveToOuterDisposeScope();
    }
}
