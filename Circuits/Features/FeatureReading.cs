using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A feature that fires on a picture.</summary>
/// <param name="Feature">Its number in the coder.</param>
/// <param name="Highest">Its highest activation over the picture's tokens.</param>
/// <param name="Total">The sum over the tokens.</param>
/// <param name="Tokens">On how many tokens it fires.</param>
public sealed record FeatureFiring(int Feature, double Highest, double Total, int Tokens);

/// <summary>
/// Which features of a sparse coder fire where on a batch of pictures, and what taking one away does to the answer. Owns its tensors.
/// </summary>
public sealed class FeatureReading : IDisposable
{
    private readonly TokenLayout _layout;
    private readonly int _first;
    private readonly Tensor _codes;

    private FeatureReading(Tensor codes, TokenLayout layout, int first) => (_codes, _layout, _first) = (codes, layout, first);

    /// <summary>Activations [B, tokens of the coder's scope, F]. Borrowed.</summary>
    public Tensor Codes => _codes;

    /// <summary>The number of pictures.</summary>
    public int Pictures => (int)_codes.shape[0];

    /// <summary>Runs the model up to the coder's place and encodes its tokens.</summary>
    /// <exception cref="PrismaException">Coder and model do not fit, or the tokens have no place in a picture.</exception>
    public static FeatureReading Read(HookedModel model, ModelInput input, ISparseCoder coder, SpliceOptions? options = null)
    {
        var placement = CoderPlacement.Of(coder, model, input, options);
        var layout = model.LayoutOf(input) ?? throw new NotApplicableException($"The tokens of {model.Card.Name} have no place in a picture.");
        using var gradless = no_grad();
        using var scope = NewDisposeScope();
        using var recording = model.Run(input, HookPlan.Empty.Keep(placement.Reads).StopAfter(placement.Reads));
        var own = placement.Own(recording.Cache[placement.Reads]);
        using var codes = coder.Encode(own);
        var dense = codes.ToDense().reshape(own.shape[0], own.shape[1], codes.Features);
        return new FeatureReading(dense.DetachFromDisposeScope(), layout, (int)(placement.Tokens?.Start ?? 0));
    }

    /// <summary>The features of a picture with the highest activation anywhere on it, strongest first.</summary>
    public IReadOnlyList<FeatureFiring> Top(int picture, int count)
    {
        using var scope = NewDisposeScope();
        var codes = _codes[picture];
        var (highest, features) = codes.amax([0L]).topk(Math.Min(count, (int)codes.shape[1]));
        var (values, numbers) = (highest.data<float>().ToArray(), features.data<long>().ToArray());
        return [.. numbers.Select((feature, k) => (Feature: (int)feature, Highest: values[k])).Where(pair => pair.Highest > 0).Select(pair =>
        {
            var column = Column(picture, pair.Feature);
            return new FeatureFiring(pair.Feature, pair.Highest, column.Sum(), column.Count(value => value > 0));
        })];
    }

    /// <summary>Where a feature fires on a picture. Tokens outside the coder's scope count as silent.</summary>
    public Heatmap Map(int picture, int feature, ImageGeometry? geometry = null)
    {
        var perToken = new float[_layout.Tokens];
        Column(picture, feature).CopyTo(perToken, _first);
        return Heatmap.FromTokens(perToken, _layout, geometry);
    }

    /// <summary>How the model's outputs change when one feature is taken away wherever it fires: outputs without it minus outputs with it, [B, C].</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">Its input.</param>
    /// <param name="coder">The coder.</param>
    /// <param name="feature">The feature.</param>
    /// <param name="options">Where to splice; its edits come before the ablation.</param>
    public static Tensor AblationEffect(HookedModel model, ModelInput input, ISparseCoder coder, int feature, SpliceOptions? options = null)
    {
        options ??= SpliceOptions.Default;
        var without = options with { Edits = [.. options.Edits, new FeatureEdit(feature, FeatureAction.Ablate)] };
        using var scope = NewDisposeScope();
        using var plain = model.Run(input, HookPlan.Empty);
        using var ablated = model.Run(input, Splice.Into(HookPlan.Empty, coder, model, input, without));
        return (ablated.Main - plain.Main).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _codes.Dispose();

    private float[] Column(int picture, int feature)
    {
        if (feature < 0 || feature >= _codes.shape[2]) throw new OptionsException($"There is no feature {feature}: the coder has {_codes.shape[2]} (0 to {_codes.shape[2] - 1}).");
        using var scope = NewDisposeScope();
        return _codes[picture].select(1, feature).contiguous().data<float>().ToArray();
    }
}
