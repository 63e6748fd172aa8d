using Prisma.Core;

namespace Prisma.Tests;

public sealed class ImageGeometryTests
{
    // 100 x 50 brought to 56 x 28, the middle 28 x 28 taken: the crop begins at column 14, that is at 25 of the original.
    private static readonly ImageGeometry Cropped = new(100, 50, 56, 28, 14, 0, 28, 28);

    [Fact]
    public void Corners_of_the_crop_lie_where_they_were_cut()
    {
        Assert.Equal((25.0, 0.0), Cropped.ToOriginal(0, 0));
        Assert.Equal((75.0, 50.0), Cropped.ToOriginal(28, 28));
        Assert.Equal((0.0, 0.0), Cropped.ToModel(25, 0));
        Assert.Equal((25.0, 0.0, 75.0, 50.0), Cropped.SeenPart());
    }

    [Fact]
    public void There_and_back_is_the_same_place()
    {
        foreach (var geometry in (ImageGeometry[])[Cropped, new(61, 97, 224, 356, 0, 66, 224, 224), new(30, 20, 30, 20, -5, -10, 40, 40)])
        {
            for (var i = 0; i <= 10; i++)
            {
                double x = i * geometry.Width / 10.0, y = (10 - i) * geometry.Height / 10.0;
                var (ox, oy) = geometry.ToOriginal(x, y);
                var (mx, my) = geometry.ToModel(ox, oy);
                Assert.Equal(x, mx, 9);
                Assert.Equal(y, my, 9);
            }
        }
    }

    [Fact]
    public void Preprocessing_reports_what_it_did()
    {
        var preprocess = Preprocess.Load(Fixtures.Find("models/preprocess/clip_small"));
        Assert.Equal(new ImageGeometry(301, 257, 32, 28, 2, 0, 28, 28), preprocess.GeometryOf(301, 257));
        Assert.Equal(preprocess.GeometryOf(61, 97), preprocess.Apply(RgbImage.Filled(61, 97, 1, 2, 3)).Geometry);
    }

    [Fact]
    public void Padding_is_no_part_of_the_picture()
    {
        var padded = new ImageGeometry(30, 20, 30, 20, -5, -10, 40, 40);
        Assert.Equal((0.0, 0.0, 30.0, 20.0), padded.SeenPart());
    }
}
