using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A penalty Σ f^p whose p falls in steps from 1 towards 0. At each change its weight is multiplied by the ratio of the penalty with the old p to that with
/// the new one, over the last batches, so that its size goes on without a jump. "Measuring Progress in Dictionary Learning for Language Model Interpretability
/// with Board Game Models" (Karvonen et al. 2024).
/// </summary>
internal sealed class PowerAnnealing
{
    // Below it the slope of f^p near zero is cut off.
    private const double SteepBelow = 0.5, Floor = 1e-8;

    private readonly AnnealOptions _options;
    private readonly Tensor _factor, _stage, _sizes;

    /// <param name="options">Which.</param>
    /// <param name="keep">Takes over what must be remembered from step to step.</param>
    internal PowerAnnealing(AnnealOptions options, Func<string, Tensor, Tensor> keep)
    {
        _options = options;
        _factor = keep("anneal_factor", tensor(1.0, float64));
        _stage = keep("anneal_stage", tensor(0L));
        _sizes = keep("anneal_sizes", full([2, options.Queue], -1.0, float64));
    }

    /// <summary>What the weight is multiplied by so far.</summary>
    internal double Factor => _factor.item<double>();

    /// <summary>The penalty on activity [n, F], none of it negative.</summary>
    internal LossTerm Charge(Tensor activity, StepInfo step, double weight)
    {
        var stage = Stage(step);
        using (no_grad()) Move(stage);
        var penalty = Size(activity, Power(stage));
        using (no_grad())
        using (NewDisposeScope())
        {
            var next = Size(activity.detach(), Power(stage + 1)).to(float64).item<double>();
            _sizes.copy_(_sizes.roll(1, 1));
            _sizes.narrow(1, 0, 1).copy_(tensor(new[] { penalty.detach().to(float64).item<double>(), next }, [2, 1]));
        }
        return new LossTerm("sparsity", penalty, weight * Factor * step.Sparsity);
    }

    /// <summary>Mean over rows of Σ f^p, or of its 1/p-th power.</summary>
    internal Tensor Size(Tensor activity, double p)
    {
        // Zeros are taken out before the power, whose slope has no bound there.
        var none = activity.detach().le(0);
        var safe = activity.masked_fill(none, 1);
        var sums = (p < SteepBelow ? safe + Floor : safe).pow(p).masked_fill(none, 0).sum(-1);
        if (!_options.TakesRoot || p == 1) return sums.mean();
        var silent = sums.detach().le(0);
        return sums.masked_fill(silent, 1).pow(1 / p).masked_fill(silent, 0).mean();
    }

    /// <summary>p of a stage.</summary>
    internal double Power(int stage) => _options.Updates == 1
        ? _options.Start
        : _options.Start + (_options.End - _options.Start) * Math.Min(stage, _options.Updates - 1) / (_options.Updates - 1);

    /// <summary>How often p has changed by a step.</summary>
    internal int Stage(StepInfo step)
    {
        var (from, to) = (_options.From * step.TotalSteps, _options.To * step.TotalSteps);
        if (step.Step < from || _options.Updates == 1) return 0;
        return to <= from ? _options.Updates - 1 : (int)Math.Min(_options.Updates - 1, (step.Step - from) * _options.Updates / (to - from));
    }

    private void Move(int stage)
    {
        if (_stage.item<long>() == stage) return;
        using var scope = NewDisposeScope();
        var seen = _sizes.select(0, 0).ge(0);
        var (now, next) = (_sizes.select(0, 0).masked_select(seen).sum().item<double>(), _sizes.select(0, 1).masked_select(seen).sum().item<double>());
        if (now > 0 && next > 0) _factor.mul_(now / next);
        _stage.fill_((long)stage);
        _sizes.fill_(-1);
    }
}
