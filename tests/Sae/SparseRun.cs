using Prisma.Engine;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>A coder under training twice over: by sparse steps, and by autograd over dense matrices, from the same weights.</summary>
internal sealed class SparseRun : IDisposable
{
    internal const double Rate = 1e-3, Tiny = 1e-8;

    private readonly SparseStep _step = new();
    private readonly RowAdam[] _adam;
    private readonly TorchSharp.Modules.Parameter[] _dense;
    private readonly optim.Optimizer _optimizer;
    private readonly ScalarType _type;

    internal SparseRun(int width, int features, int outputs, ScalarType type, bool threshold = false)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        _type = type;
        Tensor[] start =
        [
            randn(features, width, generator: generator) * 0.3, randn(features, generator: generator) * 0.05,
            nn.functional.normalize(randn(features, outputs, generator: generator)), randn(outputs, generator: generator) * 0.1,
            threshold ? full(features, 0.3) + rand(features, generator: generator) * 0.1 : zeros(width),
        ];
        Sparse = [.. start.Select(tensor => tensor.to(type).clone().DetachFromDisposeScope())];
        _dense = [.. start.Select(tensor => (TorchSharp.Modules.Parameter)nn.Parameter(tensor.to(type).clone()).DetachFromDisposeScope())];
        _adam = [.. Sparse.Select(tensor => new RowAdam(tensor))];
        _optimizer = optim.Adam(_dense, Rate);
        Input = (randn(48, width, generator: generator) * 1.5).to(type).DetachFromDisposeScope();
        Target = (width == outputs ? Input.clone() : randn(48, outputs, generator: generator).to(type)).DetachFromDisposeScope();
    }

    /// <summary>encoder [F, d_in], encoder bias [F], decoder [F, d_out], bias [d_out], input bias [d_in] or thresholds [F].</summary>
    internal Tensor[] Sparse { get; }

    internal IReadOnlyList<Tensor> Dense => _dense;

    internal Tensor Input { get; }

    internal Tensor Target { get; }

    /// <summary>One step of both. The dense one is given as a loss of the parameters, in which a bias at place 4 is subtracted from the input.</summary>
    /// <returns>The losses.</returns>
    internal (double Sparse, double Dense) Step(
        Func<SparseStep, Tensor[], (double Loss, RowGradients Encoder, Tensor EncoderBias, RowGradients Decoder, Tensor Bias, Tensor? Last)> sparse,
        Func<IReadOnlyList<Tensor>, Tensor> dense, long number, double? project = null, double? clip = null, double? unit = null)
    {
        using var scope = NewDisposeScope();
        var found = sparse(_step, Sparse);
        Tensor[] vectors = [found.EncoderBias, found.Bias, .. found.Last is null ? Array.Empty<Tensor>() : [found.Last]];
        var share = clip is { } most
            ? Math.Min(1, most / (Math.Sqrt(found.Encoder.Squares(Sparse[0]) + found.Decoder.Squares(Sparse[2], project) + vectors.Sum(v => v.square().sum().to(float64).item<double>())) + 1e-6))
            : 1;
        var rule = new RowRule { Rate = Rate, Step = number, Clip = share };
        _adam[0].Step(found.Encoder, rule);
        _adam[1].Step(found.EncoderBias, rule);
        _adam[2].Step(found.Decoder, rule with { Project = project, Unit = unit });
        _adam[3].Step(found.Bias, rule);
        if (found.Last is not null) _adam[4].Step(found.Last, rule);

        var loss = dense(_dense);
        _optimizer.zero_grad();
        loss.backward();
        using var still = no_grad();
        if (project is { } number1)
        {
            var row = _dense[2] / (_dense[2].norm(1, keepdim: true) + number1);
            _dense[2].grad!.sub_((_dense[2].grad! * row).sum(1, keepdim: true) * row);
        }
        if (clip is { } limit)
        {
            var gradients = _dense.Select(each => each.grad).OfType<Tensor>().ToList();
            var length = Math.Sqrt(gradients.Sum(each => each.square().sum().to(float64).item<double>()));
            if (limit / (length + 1e-6) < 1)
                foreach (var each in gradients) each.mul_(limit / (length + 1e-6));
        }
        _optimizer.step();
        if (unit is { } number2) _dense[2].div_(_dense[2].norm(1, keepdim: true) + number2);
        return (found.Loss, loss.to(float64).item<double>());
    }

    /// <summary>Compares all parameters.</summary>
    internal void Check(double tolerance)
    {
        foreach (var (name, k) in new[] { "encoder", "encoder bias", "decoder", "bias", "last" }.Select((name, k) => (name, k)))
            Close.Check($"{name} ({_type})", Sparse[k], _dense[k].detach(), atol: tolerance, rtol: tolerance);
    }

    public void Dispose()
    {
        _step.Dispose();
        _optimizer.Dispose();
        foreach (var adam in _adam) adam.Dispose();
        foreach (var tensor in Sparse.Concat(_dense).Append(Input).Append(Target)) tensor.Dispose();
    }
}
