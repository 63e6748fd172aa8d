namespace OpenCvSharp;

/// <summary>Four letters that name a codec.</summary>
public readonly struct FourCC : IEquatable<FourCC>
{
    public readonly int Value;

    public FourCC(int value) => Value = value;

    public static implicit operator int(FourCC fourcc) => fourcc.Value;

    public static implicit operator FourCC(int code) => new(code);

    public static bool operator ==(FourCC left, FourCC right) => left.Equals(right);

    public static bool operator !=(FourCC left, FourCC right) => !left.Equals(right);

    public static FourCC FromFourChars(char c1, char c2, char c3, char c4) => new(VideoWriter.FourCC(c1, c2, c3, c4));

    /// <summary>Up to four letters, filled up with spaces.</summary>
    public static FourCC FromString(string code)
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        if (code.Length > 4) throw new ArgumentException("code.Length > 4", nameof(code));
        code = code.PadRight(4);
        return FromFourChars(code[0], code[1], code[2], code[3]);
    }

    public static FourCC FromInt32(int code) => new(code);

    public int ToInt32() => Value;

    public bool Equals(FourCC other) => Value == other.Value;

    public override bool Equals(object? obj) => obj is FourCC other && Equals(other);

    public override int GetHashCode() => Value.GetHashCode();
}
