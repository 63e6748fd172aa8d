using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text.Json.Nodes;

namespace Prisma.Core;

/// <summary>
/// A value from a Python pickle, as inert data: <see cref="PickleScalar"/>, <see cref="PickleBytes"/>, <see cref="PickleSequence"/>,
/// <see cref="PickleDictionary"/>, <see cref="PickleTensor"/>, <see cref="PickleObject"/> (an instance of a class that is not known here)
/// or <see cref="PickleName"/> (a class, function or dtype). Values may be shared and may contain themselves.
/// </summary>
public abstract class PickleValue
{
    private protected PickleValue() { }

    /// <summary>What it is, for messages: "a dictionary", "an instance of vit_prisma.sae.config.Config".</summary>
    public abstract string Kind { get; }

    /// <summary>Whether it is Python's None.</summary>
    public bool IsNone => this is PickleScalar { Value: null };

    /// <summary>The entry of a dictionary or the attribute of an object.</summary>
    /// <exception cref="CheckpointException">There is none; the message lists the nearest names.</exception>
    public PickleValue this[string key] => TryGet(key, out var value)
        ? value
        : throw new CheckpointException($"There is no '{key}' in {Kind}. Nearest: {string.Join(", ", NearestNames.Of(key, Keys))}.");

    /// <summary>The names of a dictionary's entries or an object's attributes; empty for other values.</summary>
    public virtual IEnumerable<string> Keys => [];

    /// <summary>Finds the entry of a dictionary or the attribute of an object.</summary>
    public virtual bool TryGet(string key, [NotNullWhen(true)] out PickleValue? value)
    {
        value = null;
        return false;
    }

    /// <summary>The text of a string.</summary>
    /// <exception cref="CheckpointException">It is something else.</exception>
    public string AsString() => this is PickleScalar { Value: string text } ? text : throw Not("a string");

    /// <summary>The value of a whole number that fits 64 bits.</summary>
    /// <exception cref="CheckpointException">It is something else.</exception>
    public long AsLong() => this is PickleScalar { Value: long number } ? number : throw Not("a whole number");

    /// <summary>The value of a number.</summary>
    /// <exception cref="CheckpointException">It is something else.</exception>
    public double AsDouble() => this switch
    {
        PickleScalar { Value: double number } => number,
        PickleScalar { Value: long number } => number,
        PickleScalar { Value: BigInteger number } => (double)number,
        _ => throw Not("a number"),
    };

    /// <summary>The value of True or False.</summary>
    /// <exception cref="CheckpointException">It is something else.</exception>
    public bool AsBool() => this is PickleScalar { Value: bool flag } ? flag : throw Not("True or False");

    /// <summary>The tensor or array.</summary>
    /// <exception cref="CheckpointException">It is something else.</exception>
    public StoredTensor AsTensor() => this is PickleTensor tensor ? tensor.Tensor : throw Not("a tensor");

    /// <summary>
    /// The value as JSON: objects become their attributes, names their dotted text, tensors text such as <c>F32[4, 3]</c>; what is not finite
    /// becomes text. For configurations.
    /// </summary>
    /// <exception cref="CheckpointException">It is nested too deeply, or expands without end.</exception>
    public JsonNode? ToJson() => new PickleJson().Convert(this);

    internal CheckpointException Not(string wanted) => new($"{wanted} is expected, {Kind} was found.");
}
