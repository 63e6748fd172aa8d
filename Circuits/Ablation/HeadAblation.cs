using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// How much every attention head helps the target: y minus y with what the head read (<see cref="Site.Z"/>) replaced; the output bias stays. One
/// pass per head.
/// </summary>
public static class HeadAblation
{
    /// <summary>The effects [layers, heads, B]: positive where the head raises the target. The caller (or its scope) disposes them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The batch; means and donors come from it.</param>
    /// <param name="target">Null: the class that the model chose.</param>
    /// <param name="kind">What replaces the head.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="progress">Told the number of heads done.</param>
    /// <param name="stop">Ends the work between two heads.</param>
    /// <exception cref="OptionsException">A single example has no mean and no donor.</exception>
    public static Tensor Effects(HookedModel model, ModelInput input, Target? target = null, AblationKind kind = AblationKind.Zero,
        string part = "", IProgress<int>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        target ??= new ChosenClass(model.Card.Labels);
        var sites = model.Points.Where(point => point.Kind == Site.Z && (part.Length == 0 || point.Site.Path.Part == part)).Select(point => point.Site).ToList();
        if (sites.Count == 0) throw new NotApplicableException($"Head ablation does not apply: {model.Card.Name} has no {Site.Z.Name}{(part.Length > 0 ? $" in '{part}'" : "")}.");
        using var plain = model.Run(input, target.Ask(HookPlan.Empty.Keep([.. sites])));
        var before = target.Of(plain);
        var settled = Enumerable.Range(0, (int)before.shape[0]).Select(k => target.Settle(plain, k)).ToList();
        if (kind != AblationKind.Zero && settled.Count < 2)
            throw new OptionsException($"{kind} needs at least two examples: one alone would replace a head by itself.");
        var layers = new List<Tensor>();
        var done = 0;
        foreach (var site in sites)
        {
            var heads = new List<Tensor>();
            for (var head = 0; head < plain.Cache[site].shape[2]; head++)
            {
                stop.ThrowIfCancellationRequested();
                heads.Add(before - Ablated(model, input, target, settled, site, head, kind));
                progress?.Report(++done);
            }
            layers.Add(stack(heads));
        }
        return stack(layers).MoveToOuterDisposeScope();
    }

    private static Tensor Ablated(HookedModel model, ModelInput input, Target target, IReadOnlyList<Target> settled, HookSite site, int head, AblationKind kind)
    {
        using var scope = NewDisposeScope();
        using var recording = model.Run(input, target.Ask(HookPlan.Empty.Edit(site, (z, _) => Replaced(z, head, kind))));
        return stack(settled.Select((one, k) => one.Of(recording)[k])).MoveToOuterDisposeScope();
    }

    // z: [B, P, H, k].
    private static Tensor Replaced(Tensor z, int head, AblationKind kind)
    {
        var instead = kind switch
        {
            AblationKind.BatchMean => z.mean([0], keepdim: true).expand(z.shape),
            AblationKind.Resample => z.roll(1, 0),
            _ => z.zeros_like(),
        };
        var parts = z.unbind(2);
        parts[head] = instead.select(2, head);
        return stack(parts, 2);
    }
}
