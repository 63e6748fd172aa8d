namespace OpenCvSharp;

public static partial class Cv2
{
    public static void CvtColor(InputArray src, OutputArray dst, ColorConversionCodes code, int dstCn = 0) =>
        CvNative.Check(CvNative.CvtColor(src.Handle, dst.Handle, (int)code, dstCn));

    public static void ApplyColorMap(InputArray src, OutputArray dst, ColormapTypes colormap) =>
        CvNative.Check(CvNative.ApplyColorMap(src.Handle, dst.Handle, (int)colormap));

    public static void ApplyColorMap(InputArray src, OutputArray dst, InputArray userColor) =>
        CvNative.Check(CvNative.ApplyColorTable(src.Handle, dst.Handle, userColor.Handle));

    public static void AddWeighted(InputArray src1, double alpha, InputArray src2, double beta, double gamma, OutputArray dst, int dtype = -1) =>
        CvNative.Check(CvNative.AddWeighted(src1.Handle, alpha, src2.Handle, beta, gamma, dst.Handle, dtype));

    public static void Resize(
        InputArray src, OutputArray dst, Size dsize, double fx = 0, double fy = 0, InterpolationFlags interpolation = InterpolationFlags.Linear) =>
        CvNative.Check(CvNative.Resize(src.Handle, dst.Handle, dsize.Width, dsize.Height, fx, fy, (int)interpolation));

    public static void PutText(
        InputOutputArray img, string text, Point org, HersheyFonts fontFace, double fontScale, Scalar color, int thickness = 1,
        LineTypes lineType = LineTypes.Link8, bool bottomLeftOrigin = false) =>
        CvNative.Check(CvNative.PutText(
            img.Handle, text, org.X, org.Y, (int)fontFace, fontScale, color, thickness, (int)lineType, bottomLeftOrigin ? 1 : 0));

    public static Size GetTextSize(string text, HersheyFonts fontFace, double fontScale, int thickness, out int baseLine)
    {
        CvNative.Check(CvNative.TextSize(text, (int)fontFace, fontScale, thickness, out var width, out var height, out baseLine));
        return new Size(width, height);
    }

    public static void Rectangle(
        InputOutputArray img, Rect rect, Scalar color, int thickness = 1, LineTypes lineType = LineTypes.Link8, int shift = 0) =>
        CvNative.Check(CvNative.Rectangle(
            img.Handle, rect.X, rect.Y, rect.Width, rect.Height, color, thickness, (int)lineType, shift));

    public static void Line(
        InputOutputArray img, Point pt1, Point pt2, Scalar color, int thickness = 1, LineTypes lineType = LineTypes.Link8, int shift = 0) =>
        CvNative.Check(CvNative.Line(img.Handle, pt1.X, pt1.Y, pt2.X, pt2.Y, color, thickness, (int)lineType, shift));

    public static void Circle(
        InputOutputArray img, Point center, int radius, Scalar color, int thickness = 1, LineTypes lineType = LineTypes.Link8, int shift = 0) =>
        CvNative.Check(CvNative.Circle(img.Handle, center.X, center.Y, radius, color, thickness, (int)lineType, shift));

    public static void Polylines(
        Mat img, IEnumerable<IEnumerable<Point>> pts, bool isClosed, Scalar color, int thickness = 1, LineTypes lineType = LineTypes.Link8,
        int shift = 0)
    {
        var (points, counts) = Flat(pts);
        CvNative.Check(CvNative.Polylines(
            img.Handle, points, counts, counts.Length, isClosed ? 1 : 0, color, thickness, (int)lineType, shift));
    }

    public static void FillPoly(
        Mat img, IEnumerable<IEnumerable<Point>> pts, Scalar color, LineTypes lineType = LineTypes.Link8, int shift = 0, Point? offset = null)
    {
        var (points, counts) = Flat(pts);
        var at = offset ?? default;
        CvNative.Check(CvNative.FillPoly(img.Handle, points, counts, counts.Length, color, (int)lineType, shift, at.X, at.Y));
    }

    public static void FindContours(
        InputArray image, out Point[][] contours, out HierarchyIndex[] hierarchy, RetrievalModes mode, ContourApproximationModes method,
        Point? offset = null)
    {
        var at = offset ?? default;
        CvNative.Check(CvNative.FindContours(image.Handle, (int)mode, (int)method, at.X, at.Y, out var found, out var lists, out var total));
        var counts = new int[lists];
        var points = new Point[total];
        var tree = new int[lists * 4];
        try
        {
            CvNative.ContoursRead(found, counts, points, tree);
        }
        finally
        {
            CvNative.ContoursFree(found);
        }

        contours = new Point[lists][];
        hierarchy = new HierarchyIndex[lists];
        var start = 0;
        for (var i = 0; i < lists; i++)
        {
            contours[i] = points[start..(start += counts[i])];
            hierarchy[i] = new HierarchyIndex(tree[4 * i], tree[4 * i + 1], tree[4 * i + 2], tree[4 * i + 3]);
        }
    }

    public static void DrawContours(
        InputOutputArray image, IEnumerable<IEnumerable<Point>> contours, int contourIdx, Scalar color, int thickness = 1,
        LineTypes lineType = LineTypes.Link8, IEnumerable<HierarchyIndex>? hierarchy = null, int maxLevel = int.MaxValue, Point? offset = null)
    {
        var (points, counts) = Flat(contours);
        int[]? tree = hierarchy is null ? null : [.. hierarchy.SelectMany(h => new[] { h.Next, h.Previous, h.Child, h.Parent })];
        var at = offset ?? default;
        CvNative.Check(CvNative.DrawContours(
            image.Handle, points, counts, counts.Length, contourIdx, color, thickness, (int)lineType, tree, maxLevel, at.X, at.Y));
    }

    private static (Point[] Points, int[] Counts) Flat(IEnumerable<IEnumerable<Point>> lists)
    {
        List<Point> points = [];
        List<int> counts = [];
        foreach (var list in lists)
        {
            var before = points.Count;
            points.AddRange(list);
            counts.Add(points.Count - before);
        }

        return ([.. points], [.. counts]);
    }
}
