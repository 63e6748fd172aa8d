namespace Prisma.Sae;

/// <summary>What a standard coder does with its pre-activations, entry by entry.</summary>
public enum StandardActivation
{
    /// <summary>max(0, z).</summary>
    Relu,

    /// <summary>tanh(max(0, z)).</summary>
    TanhRelu,

    /// <summary>z where positive, slope·z elsewhere.</summary>
    LeakyRelu,

    /// <summary>z as it is.</summary>
    Identity,
}
