namespace Prisma.Sae;

/// <summary>Rules by which parameters follow gradients.</summary>
public enum OptimizerKind
{
    /// <summary>Adam (Kingma and Ba 2014); weight decay joins the gradient.</summary>
    Adam,

    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2017).</summary>
    Adamw,

    /// <summary>The sign of the momentum (signSGD with momentum, "signum"; sparsify's default).</summary>
    Signum,
}
