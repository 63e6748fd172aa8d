using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Swin's block (Liu et al. 2021): a pre-norm transformer block whose attention stays inside windows of the grid, with a bias by distance.
/// The places of its attention have one example per window: [B·windows, tokens of a window, …].
/// </summary>
internal sealed class SwinBlock : Module
{
    private readonly (int Rows, int Columns) _window, _shift;
    private readonly bool _padsFirst;
    private readonly HookPoint _residPre, _attnOut, _residMid, _mlpIn, _mlpOut, _residPost;
    private readonly Norm _ln1, _ln2;
    private readonly Attention _attention;
    private readonly Mlp _mlp;
    private readonly Weight _table;

    /// <summary>Declares <c>ln1</c>, <c>attn</c>, <c>bias_table</c> [(2·rows − 1)·(2·columns − 1), H], <c>ln2</c> and <c>mlp</c>.</summary>
    internal SwinBlock(SwinConfig config, int stage, bool shifts)
    {
        var (width, heads) = (config.Width << stage, config.Heads[stage]);
        (_window, _shift, _padsFirst) = (config.Windows[stage], shifts ? config.Shifts[stage] : (0, 0), config.PadsFirst);
        var norm = LayerNorm.With(config.Eps);
        _residPre = Point(Site.ResidPre);
        _ln1 = Child("ln1", norm(width, Site.Ln1Scale, Site.Ln1Normalized));
        _attention = Child("attn", new Attention(new AttentionOptions { Width = width, Heads = heads, Bias = config.QkvBias }));
        _table = Declare("bias_table", ((2 * _window.Rows) - 1) * ((2 * _window.Columns) - 1), heads);
        _attnOut = Point(Site.AttnOut);
        _residMid = Point(Site.ResidMid);
        _mlpIn = Point(Site.MlpIn);
        _ln2 = Child("ln2", norm(width, Site.Ln2Scale, Site.Ln2Normalized));
        _mlp = Child("mlp", new Mlp(width, (int)(width * config.MlpRatio), Activation.Named(config.Activation)));
        _mlpOut = Point(Site.MlpOut);
        _residPost = Point(Site.ResidPost);
    }

    /// <summary>One step of the stream [B, rows·columns, d].</summary>
    internal Tensor Forward(Tensor x, int rows, int columns, HookRun run)
    {
        using var scope = NewDisposeScope();
        x = _residPre.Pass(x, run);
        var windows = Windows(rows, columns);
        var cut = windows.Cut(_ln1.Forward(x, run));
        var context = new AttentionContext { ScoreBias = Bias(windows, x.shape[0], x.device) };
        var attended = _attnOut.Pass(windows.Join(_attention.Forward(cut, run, context)), run);
        x = _residMid.Pass(x + attended, run);
        var moved = _mlpOut.Pass(_mlp.Forward(_ln2.Forward(_mlpIn.Pass(x, run), run), run), run);
        return _residPost.Pass(x + moved, run).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        switch (step)
        {
            case ProcessingStep.FoldLn:
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
        if (!_padsFirst) return new SwinWindows(rows, columns, _window, _shift, padsFirst: false);
        if (Math.Min(rows, columns) < _window.Rows)
            throw new ShapeException($"A grid of {rows} × {columns} tokens is smaller than a window of {_window.Rows}; give a larger picture.");
        return new SwinWindows(rows, columns, _window, Math.Min(rows, columns) == _window.Rows ? (0, 0) : _shift, padsFirst: true);
    }

    // [H, t, t] by distance, or [B·windows, H, t, t] where a shift keeps some apart.
    private Tensor Bias(SwinWindows windows, long batch, Device device)
    {
        using var scope = NewDisposeScope();
        var tokens = _window.Rows * _window.Columns;
        var byDistance = _table.Value.index_select(0, tensor(Distances()).to(device)).view(tokens, tokens, -1).permute(2, 0, 1);
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
