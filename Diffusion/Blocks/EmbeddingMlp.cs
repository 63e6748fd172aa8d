using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Two linear layers with an activation between: what makes an embedding of waves or of pooled texts.</summary>
internal sealed class EmbeddingMlp : Module
{
    private readonly Linear _first, _second;
    private readonly Func<Tensor, Tensor> _activation;

    internal EmbeddingMlp(int inputs, int width, string activation)
    {
        _activation = Activation.Named(activation);
        _first = Child("linear_1", new Linear(inputs, width));
        _second = Child("linear_2", new Linear(width, width));
    }

    internal Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return _second.Forward(_activation(_first.Forward(x))).MoveToOuterDisposeScope();
    }
}
