namespace Prisma.Core;

/// <summary>
/// Examples that a model can be run on, numbered and always the same: the pictures of a folder, the rows of a file. May be read from any
/// thread.
/// </summary>
public interface IModelInputs
{
    /// <summary>Number of examples.</summary>
    int Count { get; }

    /// <summary>Names the examples and how they are prepared: work on them is taken up again only on the same.</summary>
    string Fingerprint { get; }

    /// <summary>Tokens at the beginning of every example that stand for nothing of it, such as a text's start token; 0 where the model's own layout tells.</summary>
    int Opening => 0;

    /// <summary>What people call an example: its file, its row.</summary>
    string NameOf(int example);

    /// <summary>Some examples as one input, in the order asked for. Its tensors are new, lie on the CPU and belong to no scope: the caller disposes them.</summary>
    /// <exception cref="PrismaException">An example cannot be read, or has another shape than the others.</exception>
    ModelInput Batch(IReadOnlyList<int> examples);
}
