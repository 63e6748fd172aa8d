using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Rewrites the weights of a loaded model as TransformerLens and ViT-Prisma can do on loading (Elhage et al. 2021, "A Mathematical
/// Framework for Transformer Circuits"). Off unless asked for: published SAEs expect raw activations. What the model computes stays the
/// same up to rounding; values at single places change, which is the purpose. A final norm whose result is itself an output is not folded.
/// </summary>
public static class Processing
{
    /// <summary>Reads a step's name as the command line has it: <c>fold-value-biases</c>.</summary>
    /// <exception cref="OptionsException">There is no such step.</exception>
    public static ProcessingStep Parse(string name) => name switch
    {
        "fold-ln" => ProcessingStep.FoldLn,
        "center-writing" => ProcessingStep.CenterWriting,
        "fold-value-biases" => ProcessingStep.FoldValueBiases,
        "center-unembed" => ProcessingStep.CenterUnembed,
        _ => throw new OptionsException($"There is no processing step '{name}'. Known: fold-ln, center-writing, center-unembed, fold-value-biases."),
    };

    /// <summary>
    /// Rewrites a model's weights in place, in the order of <see cref="ProcessingStep"/> whatever order is given, each step once. Only for
    /// a model that nobody is running.
    /// </summary>
    /// <exception cref="OptionsException">The step would change what this model computes.</exception>
    public static void Apply(HookedModel model, params IEnumerable<ProcessingStep> steps)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var gradless = no_grad();
        foreach (var step in steps.Distinct().Order())
        {
            if (step != ProcessingStep.CenterUnembed && model.Points.All(point => point.Site.Path.Layer < 0))
                throw new OptionsException($"{step}: {model.Card.Name} has no residual stream through numbered blocks, so there is nothing to rewrite.");
            if (!model.Allows(step)) throw new OptionsException($"center-unembed: the outputs of {model.Card.Name} are no logits that only a softmax reads, so taking their mean away would change the model.");
            foreach (var module in model.Modules)
            {
                using var scope = NewDisposeScope();
                module.Process(step);
            }
        }
    }

    /// <summary>Subtracts from a table [..., d] the mean over its last axis.</summary>
    public static void Center(Weight table) => table.Set(table.Value - table.Value.mean([-1], keepdim: true));

    /// <summary>Takes from every input's row of effects its mean over the outputs: a softmax over the outputs does not see it.</summary>
    public static void CenterOutputs(Linear head)
    {
        ArgumentNullException.ThrowIfNull(head);
        head.Matrix.Set(head.Matrix.Value - head.Matrix.Value.mean([0], keepdim: true));
        if (head.Bias is { } bias) bias.Set(bias.Value - bias.Value.mean());
    }

    /// <summary>
    /// Takes from what a layer writes its mean over the width. s ⊙ (W x + b): a layer scale moves into W and b first, since centring acts on
    /// what is written.
    /// </summary>
    public static void CenterWriting(Linear writer, Weight? scale = null)
    {
        var (matrix, bias) = (writer.Matrix.Value, writer.Bias?.Value);
        if (scale is not null)
        {
            (matrix, bias) = (scale.Value.unsqueeze(1) * matrix, bias is null ? null : scale.Value * bias);
            scale.Set(scale.Value.ones_like());
        }
        writer.Matrix.Set(matrix - matrix.mean([0], keepdim: true));
        if (bias is not null) writer.Bias!.Set(bias - bias.mean());
    }

    // b_O += W_O b_V; b_V = 0.
    /// <summary>Moves the value biases of an attention module through its output matrix into the output bias.</summary>
    public static void FoldValueBiases(Attention attention)
    {
        if (attention.Qkv.Bias is not { } bias) return;
        if (attention.InnerNorm is not null) throw new PrismaException("fold-value-biases: a norm stands between the values and the output matrix, so the value biases cannot pass through it.");
        var output = attention.Out.EnsureBias();
        var read = (attention.Heads + attention.KeyHeads) * attention.HeadWidth;
        var values = bias.Value.narrow(0, read, attention.KeyHeads * attention.HeadWidth);
        var perHead = values.view(attention.KeyHeads, 1, attention.HeadWidth)
            .expand(attention.KeyHeads, attention.Heads / attention.KeyHeads, attention.HeadWidth).reshape(-1);
        output.Set(output.Value + attention.Out.Matrix.Value.matmul(perHead));
        bias.Set(cat([bias.Value.narrow(0, 0, read), values.zeros_like()]));
    }

    /// <summary>
    /// Moves a norm's gain and bias into the layers that read it: W (γ·x̂ + β) + b = (W·γ) x̂ + (b + W β); where x̂ has mean 0, the mean of
    /// each row of W·γ does nothing and is taken off.
    /// </summary>
    public static void FoldNorm(Norm norm, params Linear[] readers)
    {
        foreach (var reader in readers)
        {
            if (norm.Bias is { } shift)
            {
                var bias = reader.EnsureBias();
                bias.Set(bias.Value + reader.Matrix.Value.matmul(shift));
            }
            var folded = reader.Matrix.Value * norm.Gain;
            reader.Matrix.Set(norm.Centres ? folded - folded.mean([1], keepdim: true) : folded);
        }
        norm.Reset();
    }
}
