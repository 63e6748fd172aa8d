using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// The straight map from what is written into a stream to a logit (or a difference of two) of a recorded run, with the final norm's scale
/// held at the run's: ⟨component, w⟩ with one w per example. Owns its tensors; dispose it.
/// </summary>
public sealed class LogitDirection : IDisposable
{
    private LogitDirection(Tensor perExample, Tensor constant, Tensor logit, int? token, TokenLayout? layout, string name)
    {
        (PerExample, Constant, Logit) = (perExample.DetachFromDisposeScope(), constant.DetachFromDisposeScope(), logit.DetachFromDisposeScope());
        (Token, Layout, Name) = (token, layout, name);
    }

    /// <summary>w, [B, d], or [B, P, d] where the head reads the mean over the grid, each token's own share.</summary>
    public Tensor PerExample { get; }

    /// <summary>What the final norm's and the head's biases add, [B]. Borrowed.</summary>
    public Tensor Constant { get; }

    /// <summary>The logit (difference) itself, [B]. Borrowed.</summary>
    public Tensor Logit { get; }

    /// <summary>The token that is read; null for the mean over the grid.</summary>
    public int? Token { get; }

    /// <summary>How tokens lie on the picture.</summary>
    public TokenLayout? Layout { get; }

    /// <summary>What is read, in words.</summary>
    public string Name { get; }

    internal static HookPlan Ask(ILogitReadout readout) => HookPlan.Empty.Keep(Site.FinalScale.Only.In(readout.ReadoutPart));

    /// <summary>The direction of a recorded run that kept <see cref="Site.FinalScale"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="recording">Borrowed.</param>
    /// <param name="input">The run's input.</param>
    /// <param name="output">The class.</param>
    /// <param name="minus">A class whose logit is subtracted.</param>
    /// <exception cref="NotApplicableException">The model does not end in a linear head on its residual stream.</exception>
    /// <exception cref="OptionsException">There is no such class.</exception>
    public static LogitDirection Of(HookedModel model, Recording recording, ModelInput input, int output, int? minus = null)
    {
        ArgumentNullException.ThrowIfNull(recording);
        using var scope = NewDisposeScope();
        var readout = Readout(model);
        var (norm, head, layout) = (readout.FinalNorm, readout.Readout!, model.LayoutOf(input));
        var unembed = Row(head.Matrix.Value, output, minus, model);
        var functional = unembed * norm.Gain;
        if (norm.Centres) functional -= functional.mean();
        var scale = recording.Cache[Site.FinalScale.Only.In(readout.ReadoutPart)];
        var constant = norm.Bias is { } bias ? bias.dot(unembed) : zeros(1, scale.dtype, scale.device)[0];
        if (head.Bias is { } b) constant += Row(b.Value.unsqueeze(-1), output, minus, model)[0];
        var logits = Target.LogitsOf(recording);
        var logit = minus is { } other ? logits.select(1, output) - logits.select(1, other) : logits.select(1, output);
        return new LogitDirection(PerToken(functional, scale, readout, layout, model), constant.expand(logit.shape), logit.clone(), readout.ReadToken, layout,
            minus is { } less ? $"class {ClassName.Of(output, model.Card.Labels)} minus class {ClassName.Of(less, model.Card.Labels)}" : $"class {ClassName.Of(output, model.Card.Labels)}");
    }

    /// <summary>What a component [B, P, …, d] of the stream adds to the logit: [B, …].</summary>
    public Tensor Of(Tensor component)
    {
        ArgumentNullException.ThrowIfNull(component);
        using var scope = NewDisposeScope();
        var (value, direction) = (Token is { } token ? component.select(1, token) : component, PerExample);
        while (direction.ndim < value.ndim) direction = direction.unsqueeze(-2);
        var each = (value * direction).sum(-1L);
        return (Token is null ? each.sum(1L) : each).MoveToOuterDisposeScope();
    }

    internal static ILogitReadout Readout(HookedModel model) => model is ILogitReadout { Readout: not null } readout ? readout
        : throw new NotApplicableException($"Direct attribution does not apply: {model.Card.Name} does not end in a linear head on its residual stream. Load a checkpoint with a classifier or a projection.");

    /// <inheritdoc/>
    public void Dispose()
    {
        PerExample.Dispose();
        Constant.Dispose();
        Logit.Dispose();
    }

    private static Tensor PerToken(Tensor functional, Tensor scale, ILogitReadout readout, TokenLayout? layout, HookedModel model)
    {
        if (readout.ReadToken is { } token) return functional / scale.select(1, Math.Min(token, scale.shape[1] - 1));
        if (layout is null) throw new NotApplicableException($"Direct attribution does not apply: {model.Card.Name} reads a mean over tokens that have no place.");
        var shares = functional / scale / layout.GridTokens;
        var grid = shares.shape[1] == 1 ? shares.expand(shares.shape[0], layout.GridTokens, shares.shape[2]) : shares.narrow(1, layout.Prefix, layout.GridTokens);
        return layout.Prefix == 0 ? grid : cat([zeros([grid.shape[0], layout.Prefix, grid.shape[2]], grid.dtype, grid.device), grid], 1);
    }

    private static Tensor Row(Tensor rows, int plus, int? minus, HookedModel model)
    {
        foreach (var index in new[] { plus, minus ?? plus })
            if (index < 0 || index >= rows.shape[0]) throw new OptionsException($"There is no class {index}: {model.Card.Name} has {rows.shape[0]} (0 to {rows.shape[0] - 1}).");
        return minus is { } other ? rows[plus] - rows[other] : rows[plus];
    }
}
