using System.Runtime.InteropServices;

namespace OpenCvSharp;

[StructLayout(LayoutKind.Sequential)]
public record struct Scalar(double Val0, double Val1, double Val2, double Val3)
{
    public double Val0 = Val0;

    public double Val1 = Val1;

    public double Val2 = Val2;

    public double Val3 = Val3;

    public Scalar(double val0)
        : this(val0, 0, 0, 0)
    {
    }

    public Scalar(double val0, double val1)
        : this(val0, val1, 0, 0)
    {
    }

    public Scalar(double val0, double val1, double val2)
        : this(val0, val1, val2, 0)
    {
    }

    public static Scalar FromRgb(int r, int g, int b) => new(b, g, r);

    public static Scalar All(double v) => new(v, v, v, v);

    public static readonly Scalar Black = FromRgb(0, 0, 0);

    public static readonly Scalar White = FromRgb(255, 255, 255);

    public static explicit operator Scalar(double val) => new(val);
}
