using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The optimiser's memory, as far as an architecture may touch it.</summary>
public interface ICoderMoments
{
    /// <summary>Forgets what was learned about some feature rows of a parameter: bool [F].</summary>
    void Forget(string parameter, Tensor features);
}
