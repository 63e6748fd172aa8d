using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Moves the parameters of one coder. Its memory is saved and restored by name, so that a resumed run continues bit for bit. Owns its tensors.
/// </summary>
internal sealed class CoderOptimizer : ICoderMoments, IDisposable
{
    private readonly OptimizerOptions _options;
    private readonly IReadOnlyDictionary<string, TorchSharp.Modules.Parameter> _parameters;
    private readonly Dictionary<string, Tensor> _mean = new(StringComparer.Ordinal), _square = new(StringComparer.Ordinal);

    internal CoderOptimizer(OptimizerOptions options, IReadOnlyDictionary<string, TorchSharp.Modules.Parameter> parameters)
    {
        (_options, _parameters) = (options, parameters);
        using var scope = NewDisposeScope();
        foreach (var (name, parameter) in parameters)
        {
            _mean[name] = parameter.zeros_like().detach().DetachFromDisposeScope();
            if (options.Kind != OptimizerKind.Signum) _square[name] = parameter.zeros_like().detach().DetachFromDisposeScope();
        }
    }

    /// <summary>Steps made so far.</summary>
    internal long Steps { get; set; }

    /// <summary>The memory by name: <c>mean.encoder</c>, <c>square.encoder</c>. Borrowed.</summary>
    internal IEnumerable<(string Name, Tensor Value)> Memory =>
        _mean.Select(entry => ($"mean.{entry.Key}", entry.Value)).Concat(_square.Select(entry => ($"square.{entry.Key}", entry.Value)));

    /// <summary>One step along gradients by parameter; a parameter without one stays, and so does its memory.</summary>
    /// <param name="gradients">The gradients.</param>
    /// <param name="rate">Step size.</param>
    /// <param name="unit">A parameter whose rows are divided by their length + a number in the same pass, where its gradient is rows.</param>
    /// <returns>Whether that was done.</returns>
    internal bool Step(IReadOnlyDictionary<string, CoderGradient> gradients, double rate, (string Parameter, double Number)? unit = null)
    {
        using var frozen = no_grad();
        Steps++;
        var united = false;
        foreach (var (name, gradient) in gradients)
        {
            using var scope = NewDisposeScope();
            var number = unit is { } wanted && wanted.Parameter == name ? wanted.Number : (double?)null;
            if (gradient.Moves(_parameters[name], _mean[name], _square.GetValueOrDefault(name), Rule(rate) with { Unit = number })) united |= number is not null;
            else Step(name, gradient.ToDense(_parameters[name]), rate);
        }
        return united;
    }

    /// <inheritdoc/>
    public void Forget(string parameter, Tensor features)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        foreach (var memory in new[] { _mean, _square }.Where(memory => memory.ContainsKey(parameter)).Select(memory => memory[parameter]))
            memory.masked_fill_(memory.ndim == 1 ? features : features.unsqueeze(1), 0);
    }

    public void Dispose()
    {
        foreach (var tensor in _mean.Values.Concat(_square.Values)) tensor.Dispose();
    }

    private RowRule Rule(double rate) => new()
    {
        Kind = _options.Kind switch
        {
            OptimizerKind.Signum => RowRuleKind.Sign,
            OptimizerKind.Adamw => RowRuleKind.DecoupledAdam,
            _ => RowRuleKind.Adam,
        },
        Rate = rate,
        Beta1 = _options.Beta1,
        Beta2 = _options.Beta2,
        Epsilon = _options.Epsilon,
        Decay = _options.WeightDecay,
        Step = Steps,
    };

    private void Step(string name, Tensor gradient, double rate)
    {
        var parameter = _parameters[name];
        var decayed = gradient;
        if (_options.WeightDecay > 0)
        {
            if (_options.Kind == OptimizerKind.Adamw) parameter.mul_(1 - rate * _options.WeightDecay);
            else decayed = gradient.add(parameter, _options.WeightDecay);
        }
        var mean = _mean[name].mul_(_options.Beta1).add_(decayed, 1 - _options.Beta1);
        if (_options.Kind == OptimizerKind.Signum)
        {
            parameter.add_(mean.sign(), -rate);
            return;
        }
        var square = _square[name].mul_(_options.Beta2).addcmul_(decayed, decayed, 1 - _options.Beta2);
        var root = square.sqrt().div_(Math.Sqrt(1 - Math.Pow(_options.Beta2, Steps))).add_(_options.Epsilon);
        parameter.addcdiv_(mean, root, -rate / (1 - Math.Pow(_options.Beta1, Steps)));
    }
}
