namespace OpenCvSharp;

public readonly record struct MatType(int value) : IEquatable<int>
{
    private readonly int value = value;

    public const int CV_8U = 0, CV_8S = 1, CV_16U = 2, CV_16S = 3, CV_32S = 4, CV_32F = 5, CV_64F = 6, CV_USRTYPE1 = 7;

    public static readonly MatType
        CV_8UC1 = CV_8UC(1), CV_8UC2 = CV_8UC(2), CV_8UC3 = CV_8UC(3), CV_8UC4 = CV_8UC(4),
        CV_16UC1 = CV_16UC(1), CV_16UC3 = CV_16UC(3), CV_16UC4 = CV_16UC(4),
        CV_32SC1 = MakeType(CV_32S, 1), CV_32FC1 = CV_32FC(1), CV_32FC3 = CV_32FC(3), CV_64FC1 = MakeType(CV_64F, 1);

    public int Value => value;

    public int Depth => value & 7;

    public int Channels => (value >> 3) + 1;

    public static implicit operator MatType(int value) => new(value);

    public static explicit operator int(MatType self) => self.value;

    public static MatType FromInt32(int value) => new(value);

    public int ToInt32() => value;

    public bool Equals(int other) => value == other;

    public static bool operator ==(MatType self, int other) => self.value == other;

    public static bool operator !=(MatType self, int other) => self.value != other;

    public static MatType CV_8UC(int ch) => MakeType(CV_8U, ch);

    public static MatType CV_16UC(int ch) => MakeType(CV_16U, ch);

    public static MatType CV_32FC(int ch) => MakeType(CV_32F, ch);

    public static MatType MakeType(int depth, int channels)
    {
        if (channels is < 1 or > 512) throw new OpenCvSharpException("Channels count should be 1..512");
        if (depth is < 0 or > 7) throw new OpenCvSharpException("Data type depth should be 0..7");
        return depth + ((channels - 1) << 3);
    }

    public override string ToString()
    {
        string[] depths = ["CV_8U", "CV_8S", "CV_16U", "CV_16S", "CV_32S", "CV_32F", "CV_64F", "CV_USRTYPE1"];
        return Channels <= 4 ? $"{depths[Depth]}C{Channels}" : $"{depths[Depth]}C({Channels})";
    }
}
