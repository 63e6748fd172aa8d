using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>Swin V2's bias on scores (Liu et al. 2022, eq. 4): a network of one hidden layer on the logarithms of the distance by rows and columns, bounded by 16.</summary>
internal sealed class DistanceBias : Module
{
    private const int Hidden = 512;
    private const double Most = 16, Reach = 8;
    private readonly (int Rows, int Columns) _window, _unit;
    private readonly Linear _in, _out;

    /// <summary>Declares <c>in</c> [512, 2] and <c>out</c> [H, 512].</summary>
    internal DistanceBias((int Rows, int Columns) window, int pretrained, int heads)
    {
        (_window, _unit) = (window, pretrained > 0 ? (pretrained, pretrained) : window);
        _in = Child("in", new Linear(2, Hidden));
        _out = Child("out", new Linear(Hidden, heads, bias: false));
    }

    /// <summary>[(2·rows − 1)·(2·columns − 1), H], row by row.</summary>
    internal Tensor Table(ScalarType dtype, Device device)
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = (2 * _window.Rows - 1, 2 * _window.Columns - 1);
        var distances = new float[rows * columns * 2];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++)
            {
                distances[(row * columns + column) * 2] = Logarithm(row - _window.Rows + 1, _unit.Rows);
                distances[(row * columns + column) * 2 + 1] = Logarithm(column - _window.Columns + 1, _unit.Columns);
            }
        var hidden = _in.Forward(tensor(distances, [rows * columns, 2]).to(dtype).to(device)).relu();
        return (_out.Forward(hidden).sigmoid() * Most).MoveToOuterDisposeScope();
    }

    private static float Logarithm(int distance, int window)
    {
        var scaled = Reach * distance / (window - 1);
        return (float)(Math.Sign(scaled) * Math.Log2(Math.Abs(scaled) + 1) / Math.Log2(Reach));
    }
}
