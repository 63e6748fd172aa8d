namespace Prisma.Core;

/// <summary>What an axis of a recorded tensor means.</summary>
public enum Axis
{
    /// <summary>Examples.</summary>
    Batch,
    /// <summary>Tokens, prefix tokens included.</summary>
    Token,
    /// <summary>Patches only: tokens before a class token joins them.</summary>
    Patch,
    /// <summary>The residual stream's width, <c>d_model</c>.</summary>
    Model,
    /// <summary>Attention heads (for keys and values of grouped-query attention: key/value heads).</summary>
    Head,
    /// <summary>The width of one head, <c>d_head</c>.</summary>
    HeadWidth,
    /// <summary>Tokens that look.</summary>
    Query,
    /// <summary>Tokens looked at.</summary>
    Key,
    /// <summary>The hidden width of an MLP, <c>d_mlp</c>.</summary>
    Neuron,
    /// <summary>Channels of a convolutional network, before the rows and columns.</summary>
    Channel,
    /// <summary>From top to bottom.</summary>
    Row,
    /// <summary>From left to right.</summary>
    Column,
    /// <summary>A single element kept for broadcasting.</summary>
    One,
    /// <summary>Classes, or the width of a joint embedding.</summary>
    Output,
}
