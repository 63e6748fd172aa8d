namespace Prisma.Core;

/// <summary>A torch tensor or parameter, or a numpy array.</summary>
public sealed class PickleTensor : PickleValue
{
    private StoredTensor? _tensor;

    internal PickleTensor(StoredTensor? tensor) => _tensor = tensor;

    /// <summary>The tensor; its name is empty until it is listed by its <see cref="TensorSource"/>.</summary>
    public StoredTensor Tensor => _tensor ?? throw Not("a complete array");

    /// <inheritdoc/>
    public override string Kind => _tensor is null ? "an array without content" : $"a tensor {_tensor.Type}[{string.Join(", ", _tensor.Shape)}]";

    internal bool IsComplete => _tensor is not null;

    // numpy pickles an empty array first and its content as state.
    internal void Complete(StoredTensor tensor) => _tensor = tensor;
}
