using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Swin's block (Liu et al. 2021): a pre-norm transformer block whose attention stays inside windows of the grid, with a bias by distance.
/// In Swin V2 the norms stand behind the branches.
/// The places of its attention have one example per window: [B·windows, tokens of a window, …].
/// </summary>
internal sealed class SwinBlock : Module
{
    private readonly (int Rows, int Columns) _window, _shift;
    private readonly bool _padsFirst, _normsFollow;
    private readonly HookPoint _residPre, _attnOut, _residMid, _mlpIn, _mlpOut, _residPost;
    private readonly Norm _ln1, _ln2;
    private readonly Attention _attention;
    private readonly Mlp _mlp;
    private readonly Weight? _table;
    private readonly DistanceBias? _distance;

    /// <summary>Declares <c>ln1</c>, <c>attn</c>, <c>bias_table</c> [(2·rows − 1)·(2·columns − 1), H] or <c>bias</c>, <c>ln2</c> and <c>mlp</c>.</summary>
    internal SwinBlock(SwinConfig config, int stage, bool shifts)
    {
        var (width, heads) = (config.Width << stage, config.Heads[stage]);
        (_window, _shift, _padsFirst) = (config.Windows[stage], shifts ? config.Shifts[stage] : (0, 0), config.PadsFirst);
        var norm = LayerNorm.With(config.Eps);
        _normsFollow = config.V2 is not null;
        _residPre = Point(Site.ResidPre);
        if (!_normsFollow) _ln1 = Child("ln1", norm(width, Site.Ln1Scale, Site.Ln1Normalized));
        _attention = Child("attn", new Attention(new AttentionOptions { Width = width, Heads = heads, Bias = config.QkvBias, CosineLimit = _normsFollow ? Math.Log(100) : null }));
        if (config.V2 is { } v2) _distance = Child("bias", new DistanceBias(_window, v2.PretrainedWindows[stage], heads));
        else _table = Declare("bias_table", ((2 * _window.Rows) - 1) * ((2 * _window.Columns) - 1), heads);
        _ln1 ??= Child("ln1", norm(width, Site.Ln1PostScale, Site.Ln1PostNormalized));
        _attnOut = Point(Site.AttnOut);
        _residMid = Point(Site.ResidMid);
        _mlpIn = Point(Site.MlpIn);
        if (!_normsFollow) _ln2 = Child("ln2", norm(width, Site.Ln2Scale, Site.Ln2Normalized));
        _mlp = Child("mlp", new Mlp(width, (int)(width * config.MlpRatio), Activation.Named(config.Activation)));
        _ln2 ??= Child("ln2", norm(width, Site.Ln2PostScale, Site.Ln2PostNormalized));
        _mlpOut = Point(Site.MlpOut);
        _residPost = Point(Site.ResidPost);
    }

    /// <summary>One step of the stream [B, rows·columns, d].</summary>
    internal Tensor Forward(Tensor x, int rows, int columns, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _residPre.Pass(x, run);
        var windows = Windows(rows, columns);
        var cut = windows.Cut(_normsFollow ? x : _ln1.Forward(x, run));
        var context = new AttentionContext { ScoreBias = Bias(windows, x) };
        var attended = windows.Join(_attention.Forward(cut, run, context));
        x = _residMid.Pass(x + _attnOut.Pass(_normsFollow ? _ln1.Forward(attended, run) : attended, run), run);
        var read = _mlpIn.Pass(x, run);
        var moved = _normsFollow ? _ln2.Forward(_mlp.Forward(read, run), run) : _mlp.Forward(_ln2.Forward(read, run), run);
        return _residPost.Pass(x + _mlpOut.Pass(moved, run), run).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        switch (step)
        {
            case ProcessingStep.FoldLn:
                if (_normsFollow) throw new OptionsException("fold-ln: the norms of Swin V2 stand behind the branches, so nothing reads them that could take them in.");
                throw new OptionsException("fold-ln: Swin pads its windows with zeros behind the norm, which a folded bias would not leave zero.");
            case ProcessingStep.CenterWriting:
                throw new OptionsException("center-writing: Swin's merging of patches reads four tokens at once, so their means do count.");
            case ProcessingStep.FoldValueBiases:
                Processing.FoldValueBiases(_attention);
                break;
        }
    }

    private SwinWindows Windows(int rows, int columns)
    {
        if (!_padsFirst || _normsFollow) return new SwinWindows(rows, columns, _window, _shift, _padsFirst);
        if (Math.Min(rows, columns) < _window.Rows)
            throw new ShapeException($"A grid of {rows} × {columns} tokens is smaller than a window of {_window.Rows}; give a larger picture.");
        return new SwinWindows(rows, columns, _window, Math.Min(rows, columns) == _window.Rows ? (0, 0) : _shift, padsFirst: true);
    }

    // [H, t, t] by distance, or [B·windows, H, t, t] where a shift keeps some apart.
    private Tensor Bias(SwinWindows windows, Tensor x)
    {
        using var scope = NewDisposeScope();
        var (batch, device) = (x.shape[0], x.device);
        var table = _table?.Value ?? _distance!.Table(x.dtype, device);
        var tokens = _window.Rows * _window.Columns;
        var byDistance = table.index_select(0, tensor(Distances()).to(device)).view(tokens, tokens, -1).permute(2, 0, 1);
        if (windows.Mask() is not { } mask) return byDistance.MoveToOuterDisposeScope();
        var perWindow = mask.to(byDistance.dtype).to(device) + byDistance;
        return perWindow.unsqueeze(0).expand(batch, windows.Count, byDistance.shape[0], tokens, tokens).reshape(-1, byDistance.shape[0], tokens, tokens).MoveToOuterDisposeScope();
    }

    private long[] Distances()
    {
        var tokens = _window.Rows * _window.Columns;
        var rows = new long[tokens * tokens];
        for (var query = 0; query < tokens; query++)
            for (var key = 0; key < tokens; key++)
                rows[query * tokens + key] = (query / _window.Columns - key / _window.Columns + _window.Rows - 1) * (2 * _window.Columns - 1)
                    + (query % _window.Columns - key % _window.Columns + _window.Columns - 1);
        return rows;
    }
}
