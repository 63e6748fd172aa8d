using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Two linear layers with an activation between: what makes an embedding of waves or of pooled texts. A condition, where there is one, is
/// projected and added to what the first layer reads.
/// </summary>
internal sealed class EmbeddingMlp : Module
{
    private readonly Linear? _condition;
    private readonly Linear _first, _second;
    private readonly Func<Tensor, Tensor> _activation;

    internal EmbeddingMlp(int inputs, int width, string activation, int condition = 0)
    {
        _activation = Activation.Named(activation);
        _condition = condition > 0 ? Child("cond_proj", new Linear(condition, inputs, bias: false)) : null;
        _first = Child("linear_1", new Linear(inputs, width));
        _second = Child("linear_2", new Linear(width, width));
    }

    internal Tensor Forward(Tensor x, Tensor? condition = null)
    {
        using var scope = NewDisposeScope();
        if (_condition is not null && condition is not null) x += _condition.Forward(condition);
        return _second.Forward(_activation(_first.Forward(x))).MoveToOuterDisposeScope();
    }
}
