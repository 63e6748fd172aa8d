using System.Globalization;
using System.Numerics;

namespace Prisma.Core;

/// <summary>None, True or False, a number or a string.</summary>
public sealed class PickleScalar : PickleValue
{
    internal static readonly PickleScalar None = new(null);
    internal static readonly PickleScalar True = new(true);
    internal static readonly PickleScalar False = new(false);

    internal PickleScalar(object? value) => Value = value;

    /// <summary>null, <see cref="bool"/>, <see cref="long"/>, <see cref="BigInteger"/> (beyond 64 bits), <see cref="double"/> or <see cref="string"/>.</summary>
    public object? Value { get; }

    /// <inheritdoc/>
    public override string Kind => Value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        string text => $"the string '{(text.Length > 60 ? text[..60] + "…" : text)}'",
        double number => $"the number {number.ToString("R", CultureInfo.InvariantCulture)}",
        _ => $"the number {Value}",
    };

    internal static PickleScalar Of(bool value) => value ? True : False;
}
